// Package e2e tests the real program: it builds postern, runs it as a user
// would, and lets psql, pgbench and the drivers of several languages talk to it.
//
// It holds tests only and checks what the parts together promise. What one
// package can show alone is tested there.
//
//	d := startDev(t, daemonConfig{})
//	acme := d.createTenant(t, "acme")
//	conn := acme.connect(t)
//	d.must(t, "tenant", "suspend", "acme")
package e2e
