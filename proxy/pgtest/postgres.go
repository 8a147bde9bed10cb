package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/wake/postgres"
)

// Password is the password of the roles postgres and app, and the one that
// DSN and Target use for every role: tests that make further ones give them
// this.
const Password = "pgtest-password"

// Config says what kind of server a test needs. The zero value is the newest
// PostgreSQL that is installed.
type Config struct {
	// Major is the version, 0 for the newest one installed.
	Major int
	// TLS gives the server a certificate for localhost and 127.0.0.1.
	TLS bool
	// Settings are server settings; they win over the kit's own, which trade
	// durability for speed.
	Settings map[string]string
	// HBA are lines of pg_hba.conf that come first. Without any, everybody logs
	// in with SCRAM, except postgres over the socket: that is the test's user.
	HBA []string
}

// Postgres is a running server that only one test uses. It has the superuser
// postgres and the database app that belongs to the role app.
type Postgres struct {
	postgres.Installation
	// SocketDir holds the Unix socket, and Port names it and is the TCP port on
	// 127.0.0.1.
	SocketDir string
	Port      int
	DataDir   string
	LogFile   string
	// PID is the postmaster's process.
	PID int
	// Authority has signed the server's certificate; nil without TLS.
	Authority *Authority
}

// Start starts a server with a data directory of its own and stops and removes
// it when the test ends, however it ends. It may be called in parallel. Without
// PostgreSQL the test fails, or is skipped where POSTERN_TEST_ALLOW_SKIP is set.
func Start(t testing.TB, config Config) *Postgres {
	t.Helper()
	installation, err := postgres.Pick(Versions(t), config.Major)
	if err != nil {
		missing(t, err)
	}
	user, err := postgres.LookupUser("postgres")
	if err != nil {
		missing(t, err)
	}
	dir := serverDir(t, user)
	cluster := &postgres.Cluster{
		Installation: installation, User: user,
		DataDir: filepath.Join(dir, "data"), SocketDir: dir, LogFile: filepath.Join(dir, "postgres.log"),
		Settings: settings(installation.Major),
	}
	if err := makeDataDir(t.Context(), cluster); err != nil {
		t.Fatalf("make data directory: %v", err)
	}
	p := &Postgres{Installation: installation, SocketDir: dir, DataDir: cluster.DataDir, LogFile: cluster.LogFile}
	if config.TLS {
		p.Authority = NewAuthority(t)
		certificate, key := p.Authority.WriteFiles(t, dir, "localhost", "127.0.0.1")
		for _, file := range []string{certificate, key} {
			if err := user.Own(file); err != nil {
				t.Fatal(err)
			}
		}
		maps.Copy(cluster.Settings, map[string]string{"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key})
	}
	maps.Copy(cluster.Settings, config.Settings)
	if err := prependHBA(cluster.DataDir, config.HBA); err != nil {
		t.Fatal(err)
	}
	instance, err := startOnFreePort(t.Context(), cluster)
	if err != nil {
		t.Fatalf("start PostgreSQL %s: %v", installation.Version, err)
	}
	t.Cleanup(func() {
		if err := instance.Stop(context.WithoutCancel(t.Context()), postgres.Immediate); err != nil {
			t.Error(err)
		}
		instance.Release()
		if t.Failed() {
			t.Logf("end of PostgreSQL %s's log:\n%s", installation.Version, lastLines(cluster.LogFile, 30))
		}
	})
	p.PID, p.Port = instance.PID, cluster.Port
	return p
}

// DSN is a connection string for TCP.
func (p *Postgres) DSN(user, database string) string {
	mode := "disable"
	if p.Authority != nil {
		mode = "require"
	}
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, Password), Host: p.address(),
		Path: database, RawQuery: "sslmode=" + mode,
	}
	return dsn.String()
}

// Target is the server over TCP, without TLS.
func (p *Postgres) Target(user, database string) Target {
	return Target{Network: "tcp", Address: p.address(), User: user, Database: database, Password: Password}
}

// SocketTarget is the server over its Unix socket.
func (p *Postgres) SocketTarget(user, database string) Target {
	t := p.Target(user, database)
	t.Network, t.Address = "unix", postgres.SocketPath(p.SocketDir, p.Port)
	return t
}

// TLSTarget is the server over TCP with TLS, its certificate verified.
func (p *Postgres) TLSTarget(user, database string) Target {
	t := p.Target(user, database)
	t.TLS = p.Authority.ClientConfig("localhost")
	return t
}

func (p *Postgres) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)) }

// Exec runs statements as the superuser in the database app and returns what
// they answer: a line a row, columns separated by "|".
func (p *Postgres) Exec(t testing.TB, sql string) string {
	t.Helper()
	answer, err := execute(t.Context(), p.SocketDir, p.Port, "app", sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// execute runs statements as the superuser over the Unix socket.
func execute(ctx context.Context, socketDir string, port int, database, sql string) (string, error) {
	config, err := pgconn.ParseConfig("sslmode=disable")
	if err != nil {
		return "", err
	}
	config.Host, config.Port, config.User, config.Database = socketDir, uint16(port), "postgres", database
	config.RuntimeParams, config.Fallbacks = nil, nil
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	var lines []string
	for _, result := range results {
		for _, row := range result.Rows {
			columns := make([]string, len(row))
			for i, column := range row {
				columns[i] = string(column)
			}
			lines = append(lines, strings.Join(columns, "|"))
		}
	}
	return strings.Join(lines, "\n"), nil
}

// settings make a server quick to start and light, at the price of durability.
func settings(major int) map[string]string {
	s := map[string]string{
		"listen_addresses": "127.0.0.1",
		"max_connections":  "50", "shared_buffers": "16MB", "huge_pages": "off", "jit": "off",
		"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off",
		"max_logical_replication_workers": "0", "dynamic_shared_memory_type": "mmap",
	}
	if major >= 18 {
		s["io_method"] = "sync"
	}
	return s
}

// lastLines returns the end of a text file.
func lastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// startOnFreePort starts the server on a port that nobody listens on. Another
// process can take it first: then it tries the next.
func startOnFreePort(ctx context.Context, c *postgres.Cluster) (*postgres.Instance, error) {
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		c.Port = port
		instance, err := c.Start(ctx)
		var failed *postgres.StartError
		if errors.As(err, &failed) && strings.Contains(failed.Log, "could not create any TCP/IP sockets") && attempt < 10 {
			continue
		}
		return instance, err
	}
}

// freePort returns a TCP port of 127.0.0.1 that was free just now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func prependHBA(dataDir string, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	path := filepath.Join(dataDir, "pg_hba.conf")
	rest, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write pg_hba.conf: %w", err)
	}
	text := strings.Join(lines, "\n") + "\n" + string(rest)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write pg_hba.conf: %w", err)
	}
	return nil
}
