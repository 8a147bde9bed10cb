package drivertest

import (
	"context"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/wake"
)

// Login is how a test's client logs in.
type Login struct {
	Role, Password, Database string
}

// ConnectSuperuser opens a session of the superuser in a database, by the name that
// it has in the instance.
func ConnectSuperuser(t testing.TB, e wake.Endpoint, database string) *pgx.Conn {
	t.Helper()
	superuser := e.Superuser
	e.Share = wake.Share{}
	return Connect(t, e, Login{Role: superuser, Database: database})
}

// Connect opens a client's session over the endpoint; it is closed at the end
// of the test.
func Connect(t testing.TB, e wake.Endpoint, l Login) *pgx.Conn {
	t.Helper()
	conn, err := TryConnect(t, e, l)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TryConnect is Connect for logins that may fail.
func TryConnect(t testing.TB, e wake.Endpoint, l Login) (*pgx.Conn, error) {
	t.Helper()
	config, err := pgx.ParseConfig("host=localhost port=5432 user=nobody password=unused sslmode=disable application_name=client")
	if err != nil {
		t.Fatal(err)
	}
	config.User, config.Password, config.Database = e.Share.Role(l.Role), l.Password, e.Share.Database(l.Database)
	config.TLSConfig, config.Fallbacks = e.TLS, nil
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"endpoint"}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, e.Network, e.Address)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn, nil
}

// Query returns the text of the only value that sql answers.
func Query(t testing.TB, conn *pgx.Conn, sql string) string {
	t.Helper()
	var value string
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// Exec runs sql.
func Exec(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// App is how the application of a Tenant logs in.
func App() Login { return Login{Role: "app", Password: Password, Database: "app"} }
