package leaktest

import (
	"cmp"
	"time"
)

// Tenant is a database that the clients of one tenant connect to.
type Tenant struct {
	// Name is written into the database and read back with every check. It is a
	// plain word, different for each tenant.
	Name string
	// DSN is a connection string; its role must own the database.
	DSN string
}

// Config says what is tested and with what.
type Config struct {
	// Tenants are needed: one at least, eight to find mistakes between them.
	Tenants []Tenant
	// Clients is how many there are in all, 64 if 0. They are dealt to the
	// tenants in turn.
	Clients int
	// Seed decides what each client chooses to do, as long as it is answered as
	// it should be. 0 takes one by chance; the report names it.
	Seed uint64
	// Duration is how long it runs, 30 s if 0.
	Duration time.Duration
	// Actions ends each client after so many actions; 0 leaves it to Duration.
	Actions int
	// Only runs the client with this number alone and leaves the others out, to
	// see again what a violation has reported; 0 runs all. Clients count from 1.
	Only int
	// Timeout is how long one answer may take, 60 s if 0. Waiting for a server
	// connection that others have pinned is part of it.
	Timeout time.Duration
	// Startup sends search_path and other settings in the startup message, some
	// as options. Without it there are only those that PgBouncer knows.
	Startup bool
	// Nameless leaves application_name out of the startup message, for poolers that
	// share server connections between clients of several names: a RESET there
	// brings none of them before its transaction has ended.
	Nameless bool
	// Role is a role that the tenants' roles may SET ROLE to; "" leaves that out.
	Role string
	// NoPrepared leaves out statements that are prepared by name in the protocol,
	// for poolers that do not claim to have them: otherwise hardly a session
	// there gets far enough to find anything else.
	NoPrepared bool
	// Functions makes state inside functions and DO blocks too. The client that
	// made it may lose it without a violation, but no other may ever see it.
	Functions bool
}

func (c Config) clients() int            { return cmp.Or(c.Clients, 64) }
func (c Config) duration() time.Duration { return cmp.Or(c.Duration, 30*time.Second) }
func (c Config) timeout() time.Duration  { return cmp.Or(c.Timeout, time.Minute) }
