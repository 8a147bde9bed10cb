// Package process is the wake driver that runs each tenant's Postgres as a
// process on this machine: it clones a template to make one, starts
// postgres directly to wake it, and writes a checkpoint and stops it to suspend
// it. Fixed runs one that is no tenant, for the catalog.
//
// Instances outlive Postern: another Driver on the same directory, or the next
// one after a crash, finds and adopts them. A lock file in each tenant's
// directory keeps two of them from acting at once. It works for proxies of one
// machine, on Linux. What pools are, and when a tenant is idle, is no concern
// of it.
//
//	<data-dir>/tenants/<id>/data          the data directory
//	                       /postgres.log  what the postmaster says
//	                       /lock          held (flock) by who starts, stops or makes it
//	                       /uid           the UID of the tenant that it belongs to
//	                       /provisioning  instead of uid while it is being made
//	                       /.s.PGSQL.5432 the socket, where the path is not too long
//	<data-dir>/s/<16 hex>/.s.PGSQL.5432   the socket where it is
//	<data-dir>/templates/<major>/data     what new tenants are cloned from
//	<data-dir>/prepared/<major>/<16 hex>-<16 hex>
//	                                      a clone that lies ready, named by the system
//	                                      identifiers of its template and of itself
//	<data-dir>/prepared/<major>.lock      held by who makes and removes them, or spares
//	<data-dir>/spares/<major>/<16 hex>-<16 hex>/
//	                                      a home that is nobody's and runs; a link to that
//	                                      of the tenant that has it, until its next start
//	<data-dir>/trash/<id>.<uid>/          deleted tenants
//
//	driver, err := process.New(process.Config{DataDir: dir, Installations: found, User: user})
//	defer driver.Close() // the instances run on
//	err = driver.Provision(ctx, tenant)
//	go driver.Run(ctx)   // keeps clones ready; wait for its end before Close
//	endpoint, err := driver.Wake(ctx, tenant)
package process
