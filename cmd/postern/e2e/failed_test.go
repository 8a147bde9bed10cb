package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"postern/proxy/pgtest"
)

// TestFailedTenants: what is wrong with a tenant is told to its operator in full, and
// to its clients with a hint when to try again; the others do not notice, and when it
// is put right it runs.
func TestFailedTenants(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	well := d.createTenant(t, "well")
	for what, ill := range map[string]struct {
		spoil, mend func(t *testing.T, a *tenant)
		reason, log string
	}{
		"data-gone": {
			spoil:  func(t *testing.T, a *tenant) { rename(t, a.dataDir(), a.dataDir()+".away") },
			mend:   func(t *testing.T, a *tenant) { rename(t, a.dataDir()+".away", a.dataDir()) },
			reason: "the tenant's data is gone",
		},
		"data-broken": {
			spoil:  func(t *testing.T, a *tenant) { rename(t, a.dataDir()+"/global", a.dataDir()+"/away") },
			mend:   func(t *testing.T, a *tenant) { rename(t, a.dataDir()+"/away", a.dataDir()+"/global") },
			reason: "postmaster ended while starting", log: "global/pg_control",
		},
		"wrong-owner": {
			spoil: func(t *testing.T, a *tenant) {
				if os.Geteuid() != 0 {
					t.Skip("only root can give files away")
				}
				owner(t, a.dataDir(), 12345)
			},
			mend:   func(t *testing.T, a *tenant) { owner(t, a.dataDir(), ownerOf(t, a.dataDir()+"/PG_VERSION")) },
			reason: "12345", log: "database system is shut down",
		},
		"bad-settings": {
			spoil:  func(t *testing.T, a *tenant) { d.must(t, "tenant", "update", a.id, "--postgres", "work_mem=much") },
			mend:   func(t *testing.T, a *tenant) { d.must(t, "tenant", "update", a.id, "--postgres", "work_mem-") },
			reason: "PostgreSQL refuses the tenant's settings", log: "work_mem",
		},
	} {
		t.Run(what, func(t *testing.T) {
			a := d.createTenant(t, what)
			client := pgtest.Connect(t, a.target())
			client.Query("select 1")
			client.ReadUntilReady()
			a.suspend(t)
			ill.spoil(t, a)
			client.Query("select 1")
			said := client.ReadUntilReady()
			if len(said) != 2 || said[0].Type != 'E' {
				t.Fatalf("the client is told %v", pgtest.Lines(said))
			}
			if e := said[0].Error(); e.Code != "57P03" || !strings.Contains(e.Detail, "Phase: waking.") || !strings.Contains(e.Hint, "Try again in") {
				t.Errorf("the client is told %v", pgtest.Lines(said))
			}
			query(t, well.dsn(), "select 1")
			eventually(t, "its state is filed", func() bool { return a.detail(t).State == "failed" })
			if failure := a.detail(t).Failure; !strings.Contains(failure, ill.reason) || !strings.Contains(failure, ill.log) {
				t.Errorf("the operator is told %q", failure)
			}
			ill.mend(t, a)
			eventually(t, "it runs again", func() bool {
				client.Query("select 1")
				said := client.ReadUntilReady()
				return len(said) > 0 && said[0].Type != 'E'
			})
			eventually(t, "that is filed", func() bool {
				detail := a.detail(t)
				return detail.State == "awake" && detail.Failure == ""
			})
		})
	}
}

// owner gives a file away.
func owner(t testing.TB, path string, uid int) {
	t.Helper()
	if err := os.Chown(path, uid, -1); err != nil {
		t.Fatal(err)
	}
}

func ownerOf(t testing.TB, path string) (uid int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
