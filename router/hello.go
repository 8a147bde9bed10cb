package router

// Hello is what a client claims before it has proved anything.
type Hello struct {
	// ServerName is the host name of the TLS handshake (SNI), "" without TLS or
	// where the client sent none (libpq sends none for an address).
	ServerName string
	// User is the startup parameter "user".
	User string
	// Database is the startup parameter "database". Empty is the same as absent,
	// as in PostgreSQL, and so is the whole user name: libpq sends that where no
	// database was named.
	Database string
	// Parameters are the startup parameters besides user and database, "options"
	// and "replication" among them. Those that begin with "_pq_." belong to the
	// protocol and are ignored here.
	Parameters map[string]string
}
