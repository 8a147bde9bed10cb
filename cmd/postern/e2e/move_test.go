package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/proxy/pgtest"
)

// binDirWithDump is where there is a PostgreSQL with pg_dump.
func binDirWithDump(t testing.TB) string {
	t.Helper()
	for _, version := range pgtest.Versions(t) {
		if _, err := exec.LookPath(filepath.Join(version.BinDir, "pg_dump")); err == nil {
			return version.BinDir
		}
	}
	t.Skip("no PostgreSQL with pg_dump")
	return ""
}

// TestMove: a tenant moves into the shared instance and back under its clients: they
// stay connected, in either pool mode, and who asks meanwhile waits.
func TestMove(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{Args: []string{"--pg-bin", binDirWithDump(t)}})
	acme := d.createTenant(t, "acme")
	acme.exec(t, "create table counted (n int); insert into counted select generate_series(1, 1000)")
	pooled := acme.connect(t)
	session := connect(t, acme.dsn()+"?options="+"pool_mode%3Dsession")
	for _, conn := range []*pgx.Conn{pooled, session} {
		text(t, conn, "select set_config('search_path', 'public, pg_temp', false)")
	}
	const counting = "select count(*) from counted where n > $1"
	if _, err := pooled.Prepare(t.Context(), counting, counting); err != nil { // would pin a session in session mode
		t.Fatal(err)
	}
	modes := map[string]pgx.QueryExecMode{"transaction": pgx.QueryExecModeCacheStatement, "session": pgx.QueryExecModeExec}
	busy := writeOn(t, acme)

	for i, driver := range []string{"database", "process"} {
		d.must(t, "tenant", "move", acme.id, "--driver", driver)
		var found struct{ State, Driver string }
		d.mustJSON(t, &found, "tenant", "get", acme.id)
		if found.Driver != driver || found.State != "awake" {
			t.Errorf("moved to %s it is %s at %s", driver, found.State, found.Driver)
		}
		for mode, conn := range map[string]*pgx.Conn{"transaction": pooled, "session": session} {
			var n int
			if err := conn.QueryRow(t.Context(), counting, modes[mode], 0).Scan(&n); err != nil || n < 1000 {
				t.Errorf("pool mode %s, at %s: %d rows, %v", mode, driver, n, err)
			}
			if got := text(t, conn, "show search_path"); got != "public, pg_temp" {
				t.Errorf("pool mode %s, at %s: search_path is %q", mode, driver, got)
			}
			if got := text(t, conn, "select current_user = 'app'"); (got == "t") != (i == 1) {
				t.Errorf("pool mode %s, at %s: current_user is app: %s", mode, driver, got)
			}
		}
	}
	written := busy()
	if got := acme.text(t, "select count(*)::text from counted where n = 0"); got != written {
		t.Errorf("%s rows were written during the moves, %s are there", written, got)
	}
	if left := postgresOf(t, d.dataDir+"/tenants/postern"); len(left) > 0 {
		t.Errorf("the shared instance has no tenant, but there are processes: %v", left)
	}

	t.Run("in the way", func(t *testing.T) {
		pinned := acme.connect(t)
		text(t, pinned, "select pg_advisory_lock(1)::text")
		message := d.fails(t, 4, "tenant", "move", acme.id, "--driver", "database", "--timeout", "1s")
		if !strings.Contains(message, "pinned by") {
			t.Errorf("the refusal does not say who is in the way: %s", message)
		}
		if got := text(t, pinned, "select pg_advisory_unlock(1)"); got != "t" {
			t.Errorf("the pinned session has lost its lock: %s", got)
		}
		text(t, pooled, "select 1")
	})
}

// writeOn inserts rows, one at a time, until the returned function is called, which
// tells how many. Each must succeed.
func writeOn(t testing.TB, a *tenant) (stop func() (rows string)) {
	t.Helper()
	conn := a.connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	written, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if _, err := conn.Exec(context.WithoutCancel(ctx), "insert into counted values (0)", pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Errorf("a client that writes during a move: %v", err)
				return
			}
			written++
			time.Sleep(time.Millisecond) // leaves the processors to the move
		}
	}()
	return func() string {
		cancel()
		<-done
		return strconv.Itoa(written)
	}
}
