package e2e

import (
	"strings"
	"sync"
	"testing"
)

// TestStorm lets fifty psql meet one sleeping tenant at once: all of them are
// answered, and it is started once.
func TestStorm(t *testing.T) {
	t.Parallel()
	const clients = 50
	d := startDev(t, daemonConfig{})
	for _, major := range majors(t) {
		acme := d.createTenantOf(t, major, "acme")
		query(t, acme.dsn(), "create table t as select 42 as answer")
		acme.suspend(t)

		before := d.wakes(t)
		results := make([]result, clients)
		var running sync.WaitGroup
		for i := range results {
			command := psql{DSN: acme.dsn(), Args: []string{"-c", "select answer from t"}}.command(t)
			running.Go(func() { results[i] = run(t, command) })
		}
		running.Wait()
		for _, r := range results {
			if r.code != 0 || strings.TrimSpace(r.stdout) != "42" {
				t.Errorf("PostgreSQL %d: exit code %d: %s%s", major, r.code, r.stdout, r.stderr)
			}
		}
		if woken := d.wakes(t) - before; woken != 1 {
			t.Errorf("PostgreSQL %d: postern_wakes_total went up by %v", major, woken)
		}
	}
}
