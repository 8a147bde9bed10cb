// Package superuser is what Postern does inside a tenant's Postgres over its
// own superuser connection: it makes and drops roles, databases and extensions,
// reads pg_authid, looks who is at work, and writes a checkpoint.
//
// It takes ready SCRAM verifiers and never sees a password. It keeps no
// connection: whoever calls Connect closes it. No data of a client passes here.
//
//	conn, err := superuser.Connect(ctx, endpoint, "postgres")
//	defer conn.Close()
//	err = conn.EnsureRole(ctx, superuser.RoleSpec{Name: "app", Verifier: verifier, CreateDB: true})
//	err = conn.EnsureDatabase(ctx, "app", "app")
package superuser
