package admin

import (
	"context"
	"log/slog"
	"net"
	"time"

	"postern/proxy/wire"
)

// Config is what a Console knows of its surroundings. Whatever is nil is not
// there: what it would show is empty, what it would do is refused (0A000).
type Config struct {
	Connections Connections
	Tenants     Tenants
	Traffic     Traffic
	Sessions    Sessions
	Servers     ServerConnections
	Instances   Instances
	Process     Process

	// Stats, Wakes and Quotas return what SHOW STATS and its kin, SHOW WAKES and
	// SHOW QUOTAS list, in any order.
	Stats  func() []Stats
	Wakes  func() []Wake
	Quotas func(ctx context.Context) ([]Quota, error)
	// Settings returns what SHOW CONFIG lists, in its order, without secrets.
	Settings func() []Setting

	// Version is Postern's own, for SHOW VERSION. Default: "unknown".
	Version string
	// StatsPeriod is the least time that averages span. Default: 60 s, PgBouncer's
	// stats_period.
	StatsPeriod time.Duration
	// Log gets a line for each command that is not SHOW. Default: slog.Default.
	Log *slog.Logger
}

// Console answers commands. Its sessions share it; make one with New.
type Console struct {
	config   Config
	averages averages
}

// New returns a Console.
func New(config Config) *Console {
	if config.Version == "" {
		config.Version = "unknown"
	}
	if config.StatsPeriod == 0 {
		config.StatsPeriod = time.Minute
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	c := &Console{config: config}
	c.averages.start(time.Now())
	return c
}

// Login is who a session belongs to.
type Login struct {
	User string
	// Admin may do everything; others may only look.
	Admin bool
}

// Session returns a session on conn, which stays the caller's to close. The
// client has logged in and was told that the server is ready.
func (c *Console) Session(conn net.Conn, login Login) *Session {
	return &Session{console: c, conn: conn, login: login}
}

// Parameters are what a client of the console is told before its session begins.
func Parameters(login Login) map[string]string {
	superuser := "off"
	if login.Admin {
		superuser = "on"
	}
	return map[string]string{
		"server_version":                compatible + "/postern",
		"server_encoding":               "UTF8",
		"client_encoding":               "UTF8",
		"DateStyle":                     "ISO, MDY",
		"IntervalStyle":                 "postgres",
		"TimeZone":                      "UTC",
		"integer_datetimes":             "on",
		"standard_conforming_strings":   "on",
		"in_hot_standby":                "off",
		"default_transaction_read_only": "off",
		"is_superuser":                  superuser,
		"session_authorization":         login.User,
	}
}

// notHere is the answer to what the surroundings do not have.
func notHere() error {
	return &wire.Error{Code: wire.FeatureNotSupported, Message: "this proxy cannot do that", Kind: "console"}
}
