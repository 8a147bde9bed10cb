package postgres_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/postgres"
)

// newCluster makes a cluster that has not been started yet.
func newCluster(t *testing.T, setup postgres.Setup) *postgres.Cluster {
	t.Helper()
	dir := drivertest.OwnDir(t)
	c := &postgres.Cluster{
		Installation: drivertest.Installations(t)[0], User: drivertest.User(t),
		DataDir: filepath.Join(dir, "data"), SocketDir: dir, LogFile: filepath.Join(dir, "postgres.log"),
	}
	if err := c.Init(t.Context(), setup); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, c) })
	return c
}

// end leaves no process of the cluster behind.
func end(t *testing.T, c *postgres.Cluster) {
	ctx := context.WithoutCancel(t.Context())
	i, err := c.Running(ctx)
	if err != nil {
		t.Error(err)
	}
	if i != nil {
		if err := i.Stop(ctx, postgres.Immediate); err != nil {
			t.Error(err)
		}
	}
	if err := c.EndLeftovers(ctx); err != nil {
		t.Error(err)
	}
}

func start(t *testing.T, c *postgres.Cluster) *postgres.Instance {
	t.Helper()
	i, err := c.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Release)
	return i
}

// superuser logs in as postgres.
func superuser(t *testing.T, c *postgres.Cluster) *pgx.Conn {
	t.Helper()
	return drivertest.Connect(t, endpoint(c), drivertest.Login{Role: "postgres", Database: "postgres"})
}

func endpoint(c *postgres.Cluster) wake.Endpoint {
	return wake.Endpoint{Network: "unix", Address: c.SocketPath()}
}

// query asks for one value as superuser.
func query(t *testing.T, c *postgres.Cluster, sql string) string {
	t.Helper()
	conn := superuser(t, c)
	defer conn.Close(t.Context())
	return drivertest.Query(t, conn, sql)
}

func TestClusterLife(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{Conf: []string{"work_mem = '5MB'"}})
	if i, err := c.Running(t.Context()); i != nil || err != nil {
		t.Fatalf("running before the start: %v, %v", i, err)
	}
	c.Settings = map[string]string{"max_connections": "17"}
	i := start(t, c)
	for _, want := range []struct{ show, value string }{
		{"max_connections", "17"}, {"work_mem", "5MB"}, {"listen_addresses", ""}, {"server_encoding", "UTF8"}, {"wal_segment_size", "1MB"},
	} {
		if got := query(t, c, "SHOW "+want.show); got != want.value {
			t.Errorf("%s is %q, want %q", want.show, got, want.value)
		}
	}
	if line, err := os.ReadFile("/proc/" + strconv.Itoa(i.PID) + "/cmdline"); err != nil ||
		!strings.HasPrefix(string(line), c.BinDir+"/postgres\x00-D\x00"+c.DataDir+"\x00") {
		t.Errorf("command line %q, %v", line, err)
	}

	adopted, err := c.Running(t.Context())
	if err != nil || adopted == nil {
		t.Fatalf("running: %v, %v", adopted, err)
	}
	if adopted.PID != i.PID || !adopted.StartedAt.Equal(i.StartedAt) || i.StartedAt.IsZero() {
		t.Errorf("adopted %+v, started %+v", adopted, i)
	}
	if err := i.Stop(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	<-adopted.Gone()
	if err := c.EndLeftovers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := start(t, c); again.PID == i.PID {
		t.Error("same process after a stop")
	}
}

func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	i := start(t, c)
	// This backend does not look up from its work when its postmaster dies.
	session := superuser(t, c)
	busy := make(chan error)
	go func() {
		_, err := session.Exec(context.WithoutCancel(t.Context()), "DO $$ BEGIN LOOP END LOOP; END $$")
		busy <- err
	}()
	for query(t, c, "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'") != "1" {
		continue
	}
	if err := syscall.Kill(i.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-i.Gone()
	if found, err := c.Running(t.Context()); found != nil || err != nil {
		t.Fatalf("running after the kill: %v, %v", found, err)
	}
	if _, err := c.Start(t.Context()); err == nil {
		t.Fatal("started beside a living backend")
	}
	if err := c.EndLeftovers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-busy; err == nil {
		t.Error("the leftover backend was not ended")
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, "postmaster.pid")); err != nil {
		t.Errorf("postmaster.pid was removed: %v", err)
	}
	start(t, c)
	if got := query(t, c, "SELECT '1'"); got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	c.Settings = map[string]string{"no_such_setting": "1"}
	_, err := c.Start(t.Context())
	var failed *postgres.StartError
	if !errors.As(err, &failed) || !strings.Contains(failed.Log, "no_such_setting") {
		t.Fatalf("error %v", err)
	}
}

func TestStartWithSilentLog(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{Conf: []string{"log_min_messages = panic"}})
	start(t, c)
	if got := query(t, c, "SELECT '1'"); got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestStartOutlivesItsContext(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("started under a context that has ended: %v", err)
	}
	if pid := c.PID(); pid != 0 {
		t.Fatalf("process %d was started", pid)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() { // as soon as the postmaster shows that it is there
		defer cancel()
		for {
			if info, err := os.Stat(c.LogFile); err == nil && info.Size() > 0 {
				return
			}
		}
	}()
	i, err := c.Start(ctx)
	if err == nil {
		i.Release() // it was quicker
	} else if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	found, err := c.Running(t.Context())
	if err != nil || found == nil {
		t.Fatalf("running: %v, %v", found, err)
	}
	found.Release()
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	start(t, c)
	drivertest.Exec(t, superuser(t, c), "CREATE ROLE app LOGIN PASSWORD '"+drivertest.Verifier(t, "secret")+"'")
	for password, good := range map[string]bool{"secret": true, "wrong": false, "": false} {
		_, err := drivertest.TryConnect(t, endpoint(c), drivertest.Login{Role: "app", Password: password, Database: "postgres"})
		if (err == nil) != good {
			t.Errorf("password %q: %v", password, err)
		}
	}
}

func TestCloneWithItsOwnIdentifier(t *testing.T) {
	t.Parallel()
	for name, clone := range map[string]cloning{"at once": postgres.Clone, "slowly": postgres.CloneSlowly} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testClone(t, clone)
		})
	}
}

type cloning func(ctx context.Context, owner postgres.User, from, to string) error

func testClone(t *testing.T, copyTo cloning) {
	c := newCluster(t, postgres.Setup{})
	i := start(t, c)
	drivertest.Exec(t, superuser(t, c), "CREATE TABLE kept AS SELECT 42 AS answer")
	original := query(t, c, "SELECT system_identifier::text FROM pg_control_system()")
	if err := i.Stop(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}

	dir := drivertest.OwnDir(t)
	clone := *c
	clone.DataDir, clone.SocketDir, clone.LogFile = filepath.Join(dir, "data"), dir, filepath.Join(dir, "postgres.log")
	if err := copyTo(t.Context(), c.User, c.DataDir, clone.DataDir); err != nil {
		t.Fatal(err)
	}
	const identifier = 1234567890123456789
	if err := postgres.SetSystemIdentifier(clone.DataDir, identifier); err != nil {
		t.Fatal(err)
	}
	if got, err := postgres.SystemIdentifier(clone.DataDir); err != nil || got != identifier {
		t.Errorf("identifier read: %d, %v", got, err)
	}
	t.Cleanup(func() { end(t, &clone) })
	for range 2 { // the second start reads what the first one has written
		i := start(t, &clone)
		if got := query(t, &clone, "SELECT system_identifier::text FROM pg_control_system()"); got != "1234567890123456789" || got == original {
			t.Errorf("identifier %s", got)
		}
		drivertest.Exec(t, superuser(t, &clone), "INSERT INTO kept VALUES (1)")
		if got := query(t, &clone, "SELECT (sum(answer) >= 43)::text FROM kept"); got != "true" {
			t.Errorf("the clone has lost something: %s", got)
		}
		if err := i.Stop(t.Context(), postgres.Fast); err != nil {
			t.Fatal(err)
		}
	}

	started := start(t, &clone)
	if err := postgres.SetSystemIdentifier(clone.DataDir, 1); err == nil {
		t.Error("the identifier of a running cluster was changed")
	}
	started.Release()
}
