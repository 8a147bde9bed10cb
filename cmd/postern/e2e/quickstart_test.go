package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestQuickstart does what the first page of the documentation promises, word
// for word, with every version of PostgreSQL and as an ordinary user too.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	t.Run("as oneself", func(t *testing.T) {
		t.Parallel()
		d := startDev(t, daemonConfig{})
		for _, major := range majors(t) {
			quickstart(t, d, major)
		}
	})
	t.Run("as an ordinary user", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("the test is an ordinary user itself")
		}
		d := startDev(t, daemonConfig{Account: "postgres"})
		quickstart(t, d, majors(t)[0])
	})
}

func quickstart(t *testing.T, d *daemon, major int) {
	if version := query(t, d.printed, "select version()"); !strings.HasPrefix(version, "PostgreSQL ") {
		t.Errorf("the printed line answers %q", version)
	}
	acme := d.createTenantOf(t, major, "acme")
	if version := query(t, acme.dsn(), "show server_version"); !strings.HasPrefix(version, fmt.Sprint(major)) {
		t.Errorf("PostgreSQL %d was asked for, and it is %s", major, version)
	}
	query(t, acme.dsn(), "create table t(i int)")
	query(t, acme.dsn(), "insert into t values (42)")

	host, port := d.hostPort(t)
	for what, dsn := range map[string]string{
		"the server name": fmt.Sprintf("host=%s hostaddr=%s port=%s user=app dbname=app sslmode=verify-full sslrootcert=%s/ca.crt",
			acme.hostname(), host, port, d.dataDir),
		"options": fmt.Sprintf("host=%s port=%s user=app dbname=app options=tenant=%s", host, port, acme.id),
	} {
		if rows := (psql{DSN: dsn, Password: acme.password, Args: []string{"-c", "select * from t"}}).must(t); rows != "42" {
			t.Errorf("tenant by %s: %q", what, rows)
		}
	}

	pid := acme.pid(t)
	acme.suspend(t)
	if alive(pid) {
		t.Errorf("tenant suspend has returned, and process %d is there", pid)
	}
	acme.mustSleep(t, "tenant suspend")
	if rows := query(t, acme.dsn(), "select * from t"); rows != "42" {
		t.Errorf("after a sleep: %q", rows)
	}

	pgbench(t, acme, "-i", "-s", "5")
	report := pgbench(t, acme, "-c", "8", "-T", "2")
	if !strings.Contains(report, "number of failed transactions: 0 ") || strings.Contains(report, "actually processed: 0\n") {
		t.Errorf("pgbench:\n%s", report)
	}
	pgbench(t, acme, "-c", "4", "-T", "1", "-M", "prepared")
}

// pgbench runs pgbench and returns its report.
func pgbench(t testing.TB, a *tenant, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), tool(t, "pgbench"), append(args, a.dsn())...)
	r := run(t, command)
	if r.code != 0 {
		t.Fatalf("pgbench %v: exit code %d\n%s", args, r.code, r.stderr)
	}
	return r.stdout
}
