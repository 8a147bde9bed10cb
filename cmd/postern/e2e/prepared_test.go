package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPreparedDirectories: a data directory lies ready soon after the first
// tenant was made, and the next tenant gets that very one.
func TestPreparedDirectories(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{Env: []string{"POSTERN_WAKE_PROCESS_PREPARED=1"}})
	var place string
	var ready os.FileInfo
	eventually(t, "a data directory lies ready", func() bool {
		found, err := filepath.Glob(filepath.Join(d.dataDir, "prepared", "*", "*-????????????????"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 {
			return false
		}
		place = found[0]
		ready, err = os.Stat(place)
		return err == nil
	})
	acme := d.createTenant(t, "acme")
	taken, err := os.Stat(filepath.Join(d.dataDir, "tenants", acme.id, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(ready, taken) {
		t.Errorf("the tenant has another data directory than %s", place)
	}
	query(t, acme.dsn(), "create table t(i int)")
}
