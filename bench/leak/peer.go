package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy/leaktest"
	"postern/wake/postgres"
)

// roleName is the role that all tenants log in with.
const roleName = "leak"

// startPeer makes a server with the tenants' databases, PgBouncer before it if
// that is asked for, and fills in the tenants. Call stop at the end, whatever
// happens.
func startPeer(ctx context.Context, o *options) (stop func(), err error) {
	if o.peer != "postgres" && o.peer != "pgbouncer" {
		return nil, fmt.Errorf("-peer %q is neither postgres nor pgbouncer", o.peer)
	}
	dir, err := os.MkdirTemp("", "postern-leak-")
	if err != nil {
		return nil, err
	}
	ending := []func(){func() { os.RemoveAll(dir) }}
	stop = func() {
		for i := len(ending) - 1; i >= 0; i-- {
			ending[i]()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	cluster, err := startServer(ctx, o, dir, &ending)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	if err := makeTenants(ctx, o, cluster, password); err != nil {
		return nil, err
	}
	port := cluster.Port
	if o.peer == "pgbouncer" {
		if port, err = startPgBouncer(ctx, o, dir, cluster, password, &ending); err != nil {
			return nil, err
		}
	}
	for i := range o.tenants {
		dsn := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", roleName, password, port, tenantName(i))
		o.test.Tenants = append(o.test.Tenants, leaktest.Tenant{Name: tenantName(i), DSN: dsn})
	}
	return stop, nil
}

func startServer(ctx context.Context, o *options, dir string, ending *[]func()) (*postgres.Cluster, error) {
	search := postgres.Search{}
	if o.pgBin != "" {
		search = postgres.Search{Pattern: o.pgBin, Env: func(string) string { return "" }}
	}
	found, err := postgres.Find(ctx, search)
	if len(found) == 0 {
		return nil, err
	}
	installation, err := postgres.Pick(found, 0)
	if err != nil {
		return nil, err
	}
	user, err := postgres.LookupUser("postgres")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cluster := &postgres.Cluster{
		Installation: installation, User: user, Port: port,
		DataDir: filepath.Join(dir, "data"), SocketDir: dir, LogFile: filepath.Join(dir, "postgres.log"),
		Settings: map[string]string{
			"listen_addresses": "127.0.0.1", "max_connections": strconv.Itoa(o.test.Clients*2 + o.tenants*o.pool + 20),
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
		},
	}
	if err := user.Own(dir); err != nil {
		return nil, err
	}
	if err := cluster.Init(ctx, postgres.Setup{HBA: []string{"host all all 127.0.0.1/32 scram-sha-256"}}); err != nil {
		return nil, err
	}
	instance, err := cluster.Start(ctx)
	if err != nil {
		return nil, err
	}
	*ending = append(*ending, func() {
		if err := instance.Stop(context.Background(), postgres.Immediate); err != nil {
			fmt.Fprintln(os.Stderr, "leak: stop PostgreSQL:", err)
		}
		instance.Release()
	})
	return cluster, nil
}

// makeTenants makes the role and a database for each tenant.
func makeTenants(ctx context.Context, o *options, cluster *postgres.Cluster, password string) error {
	conn, err := pgconn.Connect(ctx, fmt.Sprintf("host='%s' port=%d user=postgres dbname=postgres sslmode=disable", cluster.SocketDir, cluster.Port))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "create role "+roleName+" login password '"+password+"'").ReadAll(); err != nil {
		return errors.New("create the tenants' role: it failed") // no password in an error
	}
	var statements []string
	if o.test.Role != "" {
		statements = append(statements, "create role "+o.test.Role, "grant "+o.test.Role+" to "+roleName)
	}
	for i := range o.tenants {
		statements = append(statements, "create database "+tenantName(i)+" owner "+roleName)
	}
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// startPgBouncer starts PgBouncer in transaction mode and waits until it
// answers.
func startPgBouncer(ctx context.Context, o *options, dir string, cluster *postgres.Cluster, password string, ending *[]func()) (port int, err error) {
	if port, err = freePort(); err != nil {
		return 0, err
	}
	program, err := exec.LookPath(o.pgbouncer)
	if err != nil {
		return 0, err
	}
	users, log := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.log")
	configuration := strings.NewReplacer("$SERVER", strconv.Itoa(cluster.Port), "$PORT", strconv.Itoa(port),
		"$POOL", strconv.Itoa(o.pool), "$CLIENTS", strconv.Itoa(o.test.Clients*2+20), "$USERS", users, "$LOG", log).Replace(`
[databases]
* = host=127.0.0.1 port=$SERVER
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $PORT
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $USERS
pool_mode = transaction
default_pool_size = $POOL
max_client_conn = $CLIENTS
ignore_startup_parameters = extra_float_digits,options,search_path,statement_timeout,IntervalStyle,leak.x
logfile = $LOG
`)
	file := filepath.Join(dir, "pgbouncer.ini")
	err = errors.Join(os.WriteFile(file, []byte(configuration), 0o600), os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", roleName, password), 0o600),
		cluster.User.Own(file), cluster.User.Own(users))
	if err != nil {
		return 0, err
	}
	arguments := []string{"-q", file}
	if os.Geteuid() == 0 {
		arguments = append([]string{"-u", "postgres"}, arguments...)
	}
	command := exec.Command(program, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for this program, which then stops it
	if err := command.Start(); err != nil {
		return 0, err
	}
	*ending = append(*ending, func() { command.Process.Signal(syscall.SIGTERM); command.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, conn.Close()
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			text, _ := os.ReadFile(log)
			return 0, fmt.Errorf("start PgBouncer: %w: %s", err, text)
		}
	}
}

// freePort finds a port that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
