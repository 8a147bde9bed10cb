// Package database is the wake driver for tenants that are too small for a
// Postgres of their own: each has databases and roles of its own in one instance
// that they share. Another driver runs that instance, as it would a tenant's; it
// runs while one of the tenants is awake, and sleeps when none is.
//
// Names in the instance are those of wake.Share: t_<12 hex>_app for the role app,
// t_<12 hex> for the database app. No role can connect to a database of another
// tenant; that there are others, and how many, everybody can see. A tenant here has
// no server settings of its own and no log.
//
// Files tell which tenants there are and which are awake, so that it is known while
// the instance sleeps, and to all proxies of the machine that share the directory.
//
//	<data-dir>/tenants/postern/           the instance, as the process driver keeps it
//	<data-dir>/databases/making/<uid>     a tenant that is being made
//	                    /made/<uid>       one that is complete; the file holds its id
//	                    /kept/<uid>       one that was deleted, since the file's time
//	                    /awake/<uid>@<run>
//	                                      one that is awake in this run of the instance
//
//	driver, err := database.New(database.Config{DataDir: dir, Instances: processDriver})
//	defer driver.Close() // the instance runs on
//	err = driver.Provision(ctx, tenant)
//	go driver.Run(ctx)   // stops the instance where that could not be done at once
//	endpoint, err := driver.Wake(ctx, tenant)
package database
