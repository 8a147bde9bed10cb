// Package filestore is the catalog.Store of a single proxy: a directory with a
// TOML file for each tenant. It is for tenants that are few and written by hand,
// or by a tool that is good at writing files.
//
// The file <id>.toml says what the tenant is to be. Only driver is required:
//
//	driver = "static"
//	region = "local"
//	hostnames = ["db.acme.example"]
//	databases = ["app"]
//	pg_version = 17             # for a driver that makes instances
//	pool_mode = "session"       # or "transaction"
//	idle_timeout = "10m"        # without work until it is suspended; "0" is never
//
//	[labels]
//	plan = "pro"
//
//	[settings]                  # the application's own
//	theme = "dark"
//
//	[postgres]                  # settings of the tenant's instance
//	work_mem = "8MB"
//
//	[backend]                   # for driver = "static"
//	host = "10.0.0.7"
//	port = 5432
//	tls = "verify-full"
//	root_cert = "/etc/postern/acme-ca.crt"
//
//	[[roles]]
//	name = "app"
//	verifier = "SCRAM-SHA-256$4096:…"   # rolpassword of pg_authid
//	can_login = true                    # the default
//	valid_until = 2030-01-01T00:00:00Z  # the default is no limit
//	read_only = false                   # the default
//
// What Postern itself has found out is beside it in .state/<id>.json: the state,
// the version, what pg_authid says of roles, greetings, and the last good
// configuration. A file that is new starts a tenant in state provisioning: its
// first client has its instance made, where the driver makes any. A file that changes raises its version if it then says something else. A role
// is taken from the file when the file says something else about it, and from
// pg_authid thereafter. A file with an error leaves its tenant as it was, also
// over a restart, and Errors tells. A file that goes takes its tenant along; if
// it comes back, the tenant is as before. Give an id that was removed by hand to
// another tenant only after removing .state/<id>.json too.
//
// Create, Update and Purge write the files, so the command line works as with
// any store; comments in a file that Update changes are lost. Roles are written
// to .state alone, which nobody else can read.
//
//	store, err := filestore.Open(filestore.Config{Dir: "/etc/postern/tenants"})
//	defer store.Close()
package filestore
