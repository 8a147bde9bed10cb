package e2e

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPsql does with psql what people do with it.
// Promises: C75, C77.
func TestPsql(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	eachMajor(t, func(t *testing.T, major int) {
		acme := d.createTenantOf(t, major, "acme")
		dir := guardedDir(t)
		t.Run("interrupt", func(t *testing.T) { interrupt(t, acme) })
		t.Run("watch", func(t *testing.T) { watch(t, acme) })
		t.Run("large objects", func(t *testing.T) { largeObjects(t, acme, dir) })
		t.Run("notice", func(t *testing.T) { notice(t, acme) })
		t.Run("dump and restore", func(t *testing.T) { dumpAndRestore(t, acme, d.createTenantOf(t, major, "copy")) })
		t.Run("copy 100 MB", func(t *testing.T) { copyOutAndIn(t, acme, dir) })
	})
}

// interrupt is Ctrl-C while a statement runs.
func interrupt(t *testing.T, a *tenant) {
	command := psql{DSN: a.dsn(), Args: []string{"-v", "VERBOSITY=verbose", "-c", "select pg_sleep(60)"}}.command(t)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the statement runs", func() bool {
		return a.text(t, "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'") == "1"
	})
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	if code := command.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), "ERROR:  57014: canceling statement due to user request") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// watch is \watch over two rounds; the third one fails and so ends it.
func watch(t *testing.T, a *tenant) {
	input := "create sequence rounds;\nselect 'round', 6 / (3 - nextval('rounds'))\n\\watch 0.05\n"
	r := psql{DSN: a.dsn(), Input: input}.run(t)
	for _, want := range []string{"round|3", "round|6"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in %q", want, r.stdout)
		}
	}
	if !strings.Contains(r.stderr, "division by zero") {
		t.Errorf("it did not end by itself: %s", r.stderr)
	}
}

// largeObjects are the functions of libpq that use function calls of the
// protocol.
func largeObjects(t *testing.T, a *tenant, dir string) {
	content := make([]byte, 3<<20)
	_, _ = rand.Read(content)
	in, out := filepath.Join(dir, "in.bin"), filepath.Join(dir, "out.bin")
	if err := os.WriteFile(in, content, 0o600); err != nil {
		t.Fatal(err)
	}
	input := "\\lo_import '" + in + "' 'a picture'\n\\lo_export :LASTOID '" + out + "'\n\\lo_unlink :LASTOID\n" +
		"select count(*) from pg_largeobject_metadata;\n"
	output := psql{DSN: a.dsn(), Input: input, Args: []string{"-q"}}.must(t)
	if !strings.HasSuffix(output, "0") {
		t.Errorf("psql: %s", output)
	}
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes went in and %d others came out (%v)", len(content), len(got), err)
	}
}

func notice(t *testing.T, a *tenant) {
	r := psql{DSN: a.dsn(), Args: []string{"-c", "do $$ begin raise notice 'on the way'; raise warning 'nearly there'; end $$"}}.run(t)
	if r.code != 0 || !strings.Contains(r.stderr, "NOTICE:  on the way\n") || !strings.Contains(r.stderr, "WARNING:  nearly there\n") {
		t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// dumpAndRestore moves a tenant's data into another's.
func dumpAndRestore(t *testing.T, from, to *tenant) {
	query(t, from.dsn(), "create table moved(i int primary key, t text default 'a''b'); insert into moved select generate_series(1, 1000)")
	command := exec.CommandContext(t.Context(), tool(t, "pg_dump"), "--table=moved", from.dsn())
	dump := run(t, command)
	if strings.Contains(dump.stderr, "server version mismatch") {
		t.Skip("the installed pg_dump is too old for this server")
	}
	if dump.code != 0 {
		t.Fatalf("pg_dump: exit code %d: %s", dump.code, dump.stderr)
	}
	psql{DSN: to.dsn(), Input: dump.stdout, Args: []string{"-v", "ON_ERROR_STOP=1"}}.must(t)
	const sum = "select sum(i) || max(t) from moved"
	if want, got := query(t, from.dsn(), sum), query(t, to.dsn(), sum); want != got {
		t.Errorf("%s was dumped and %s restored", want, got)
	}
}
