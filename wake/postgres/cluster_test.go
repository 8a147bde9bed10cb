package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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

// query runs psql as the superuser.
func query(t *testing.T, c *postgres.Cluster, sql string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(c.BinDir, "psql"), "-X", "-At", "-h", c.SocketDir, "-U", "postgres", "-c", sql, "postgres")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", sql, err, out)
	}
	return strings.TrimSpace(string(out))
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
	if line, err := os.ReadFile("/proc/" + itoa(i.PID) + "/cmdline"); err != nil ||
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

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	i := start(t, c)
	// A backend in a long query notices only late that its postmaster is gone.
	session := exec.Command(filepath.Join(c.BinDir, "psql"), "-X", "-h", c.SocketDir, "-U", "postgres", "-c",
		"DO $$ BEGIN LOOP END LOOP; END $$", "postgres")
	if err := session.Start(); err != nil {
		t.Fatal(err)
	}
	for query(t, c, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %'") != "1" {
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
	session.Wait()
	if _, err := os.Stat(filepath.Join(c.DataDir, "postmaster.pid")); err != nil {
		t.Errorf("postmaster.pid was removed: %v", err)
	}
	start(t, c)
	if got := query(t, c, "SELECT 1"); got != "1" {
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
	if got := query(t, c, "SELECT 1"); got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestStartOutlivesItsContext(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	// It has perhaps not written postmaster.pid yet.
	for {
		i, err := c.Running(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i != nil {
			i.Release()
			return
		}
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	start(t, c)
	query(t, c, "CREATE ROLE app LOGIN")
	cmd := exec.Command(filepath.Join(c.BinDir, "psql"), "-X", "-w", "-h", c.SocketDir, "-U", "app", "-c", "SELECT 1", "postgres")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no password supplied") {
		t.Errorf("another role got in without a password: %v, %s", err, out)
	}
}

func TestCloneWithItsOwnIdentifier(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	i := start(t, c)
	query(t, c, "CREATE TABLE kept AS SELECT 42 AS answer")
	original := query(t, c, "SELECT system_identifier FROM pg_control_system()")
	if err := i.Stop(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}

	dir := drivertest.OwnDir(t)
	clone := *c
	clone.DataDir, clone.SocketDir, clone.LogFile = filepath.Join(dir, "data"), dir, filepath.Join(dir, "postgres.log")
	if err := postgres.Clone(t.Context(), c.User, c.DataDir, clone.DataDir); err != nil {
		t.Fatal(err)
	}
	const identifier = 1234567890123456789
	if err := postgres.SetSystemIdentifier(clone.DataDir, identifier); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, &clone) })
	for range 2 { // the second start reads what the first one has written
		i := start(t, &clone)
		if got := query(t, &clone, "SELECT system_identifier FROM pg_control_system()"); got != "1234567890123456789" || got == original {
			t.Errorf("identifier %s", got)
		}
		if got := query(t, &clone, "INSERT INTO kept VALUES (1); SELECT sum(answer) >= 43 FROM kept"); !strings.HasSuffix(got, "t") {
			t.Errorf("got %q", got)
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
