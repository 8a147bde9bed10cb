package superuser

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postern/wake"
)

// ApplicationName is how Postern's own connections show in pg_stat_activity: this,
// and "/" and Endpoint.Proxy behind it if there is one. Such connections are
// nobody's work to the proxy whose they are.
const ApplicationName = "postern"

// Conn is a connection as superuser to one database of an instance. It is not
// safe for concurrent use.
type Conn struct {
	pg       *pgx.Conn
	endpoint wake.Endpoint
}

// settings hold for every connection: names mean what PostgreSQL means by
// them, and no statement with a verifier reaches the instance's log.
var settings = map[string]string{
	"application_name":              ApplicationName,
	"client_encoding":               "UTF8",
	"search_path":                   "pg_catalog, pg_temp",
	"default_transaction_read_only": "off",
	"statement_timeout":             "0",
	"lock_timeout":                  "0",
	"log_statement":                 "none",
	"log_min_duration_statement":    "-1",
	"log_min_error_statement":       "panic",
}

// Connect logs in as the endpoint's superuser. The caller closes the
// connection.
func Connect(ctx context.Context, e wake.Endpoint, database string) (*Conn, error) {
	if e.Superuser == "" {
		return nil, fmt.Errorf("connect as superuser: %w", wake.ErrUnsupported)
	}
	// The settings of the string win over PG variables of the environment, and
	// what else those could bring is replaced below.
	config, err := pgx.ParseConfig("host=localhost port=5432 user=postgres password=unused sslmode=disable passfile='' target_session_attrs=any")
	if err != nil {
		return nil, fmt.Errorf("connect as superuser: %w", err)
	}
	config.User, config.Password, config.Database = e.Superuser, "", database
	config.TLSConfig, config.Fallbacks = e.TLS, nil
	config.RuntimeParams = maps.Clone(settings)
	if e.Proxy != "" {
		config.RuntimeParams["application_name"] += "/" + e.Proxy
	}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"endpoint"}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, e.Network, e.Address)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	pg, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect as superuser: %w", err)
	}
	return &Conn{pg: pg, endpoint: e}, nil
}

// Unready reports whether err may be due to the instance not letting anybody in
// yet, or no longer: it starts, recovers or stops, and says so (57P03, 57P01) or
// just hangs up.
func Unready(err error) bool {
	var pg *pgconn.PgError
	return !errors.As(err, &pg) || hasCode(err, "57P03", "57P01")
}

// Close ends the connection.
func (c *Conn) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.pg.Close(ctx)
}

// Ping asks for an answer to SELECT 1.
func (c *Conn) Ping(ctx context.Context) error {
	return c.exec(ctx, "ping", "SELECT 1")
}

// Checkpoint writes everything that is dirty to disk, so that the shutdown
// after it is short.
func (c *Conn) Checkpoint(ctx context.Context) error {
	return c.exec(ctx, "checkpoint", "CHECKPOINT")
}

// exec runs one statement, named in the error by what.
func (c *Conn) exec(ctx context.Context, what, sql string) error {
	if _, err := c.pg.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// strings returns the only column of a query.
func (c *Conn) strings(ctx context.Context, what, sql string, args ...any) ([]string, error) {
	rows, err := c.pg.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return found, nil
}

// quote makes an identifier of a name.
func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal makes a string constant of a value without special characters.
func literal(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
