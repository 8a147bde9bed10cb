package admin_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// differing are the columns of PgBouncer that have another type here, with the
// reason.
var differing = map[string]string{
	"MEM.size": "bytes, not objects", "MEM.used": "bytes", "MEM.free": "bytes", "MEM.memtotal": "bytes",
}

// The columns of the PgBouncer that is installed come first, in its order and with
// its types, and so do the rows that stand for columns.
func TestColumnsOfPgBouncer(t *testing.T) {
	t.Parallel()
	theirs := startPgBouncer(t)
	ours := dial(t, listen(t, newWorld().console()), "admin")
	for _, name := range []string{
		"VERSION", "CONFIG", "DATABASES", "POOLS", "CLIENTS", "SERVERS", "STATS", "STATS_TOTALS", "STATS_AVERAGES", "TOTALS", "LISTS",
		"USERS", "MEM",
	} {
		want, got := show(t, theirs, name), show(t, ours, name)
		for i, column := range want.names {
			if i >= len(got.names) || got.names[i] != column {
				t.Errorf("SHOW %s: PgBouncer's columns are %q, ours %q", name, want.names, got.names)
				break
			}
			if got.types[i] != want.types[i] && differing[name+"."+column] == "" {
				t.Errorf("SHOW %s: %s is of type %d, PgBouncer's of type %d", name, column, got.types[i], want.types[i])
			}
		}
		if name == "TOTALS" || name == "LISTS" {
			for i, row := range want.rows {
				if i >= len(got.rows) || got.rows[i][0] != row[0] {
					t.Errorf("SHOW %s: PgBouncer's rows are %q, ours %q", name, want.rows, got.rows)
					break
				}
			}
		}
	}
	for _, command := range []string{"RELOAD", "WAIT_CLOSE", "RECONNECT", "SHOW HELP"} {
		want, _ := execCommand(t.Context(), theirs, command)
		if got, code := execCommand(t.Context(), ours, command); got != want {
			t.Errorf("%s: %q %q, PgBouncer says %q", command, got, code, want)
		}
	}
}

// nobody is that account's number, and its group's, on every Linux.
const nobody = 65534

// startPgBouncer starts one that is gone with the test.
func startPgBouncer(t *testing.T) *pgconn.PgConn {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if _, err := os.Stat("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("there is no pgbouncer to compare with")
		}
		program = "/usr/sbin/pgbouncer"
	}
	dir, err := os.MkdirTemp("", "postern-admin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	port := freePort(t)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(`[databases]
app = host=%s dbname=app
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
admin_users = admin
`, dir, port)), 0o644); err != nil {
		t.Fatal(err)
	}
	bouncer := exec.Command(program, "-q", file)
	bouncer.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 { // it refuses to run as root
		bouncer.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := bouncer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		bouncer.Process.Kill()
		bouncer.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgconn.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%d user=admin dbname=pgbouncer sslmode=disable", port))
		if err == nil {
			t.Cleanup(func() { conn.Close(context.Background()) })
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// later are columns that PgBouncer has had since 1.18, by its documentation of
// 1.25. They follow those of 1.18 here.
var later = map[string][]string{
	"CLIENTS":   {"replication", "prepared_statements", "id"},
	"SERVERS":   {"replication", "prepared_statements", "id"},
	"POOLS":     {"load_balance_hosts"},
	"DATABASES": {"reserve_pool_size", "server_lifetime", "load_balance_hosts", "max_client_connections", "current_client_connections"},
	"USERS":     {"pool_size", "reserve_pool_size", "max_user_connections", "current_connections", "max_user_client_connections", "current_client_connections"},
	"STATS": {
		"total_server_assignment_count", "total_client_parse_count", "total_server_parse_count", "total_bind_count",
		"avg_server_assignment_count", "avg_client_parse_count", "avg_server_parse_count", "avg_bind_count",
	},
	"STATE": {"key", "value"},
}

func TestColumnsOfLaterPgBouncer(t *testing.T) {
	t.Parallel()
	conn := dial(t, listen(t, newWorld().console()), "admin")
	for name, columns := range later {
		got := show(t, conn, name).names
		for _, column := range columns {
			if !slices.Contains(got, column) {
				t.Errorf("SHOW %s has no %s, but %s", name, column, strings.Join(got, ", "))
			}
		}
	}
}
