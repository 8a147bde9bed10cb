// Package postgres runs PostgreSQL on this machine: it finds the binaries,
// makes a data directory, starts a postmaster in it directly (no pg_ctl), finds
// one that already runs, stops it, and copies a stopped data directory.
//
// It knows nothing of tenants, opens no connection, and keeps nothing alive:
// what it starts lives in a session of its own and outlives this process. It
// works on Linux, where it needs /proc.
//
//	found, err := postgres.Find(ctx, postgres.Search{})
//	user, err := postgres.LookupUser("postgres")
//	cluster := postgres.Cluster{
//		Installation: found[0], User: user,
//		DataDir: dir + "/data", SocketDir: dir, LogFile: dir + "/postgres.log",
//	}
//	err = cluster.Init(ctx, postgres.Setup{})
//	instance, err := cluster.Start(ctx)
//	defer instance.Stop(ctx, postgres.Fast)
//	// psql -h dir -U postgres, as root or as the cluster's own user
package postgres
