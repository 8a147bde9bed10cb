package e2e

import (
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// TestGreeting: a sleeping tenant is woken by the first query and by nothing
// before.
// Promises: J1.
func TestGreeting(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	for _, major := range majors(t) {
		acme := d.createTenantOf(t, major, "acme")
		awake := login(t, acme.target())
		acme.sleepRemembered(t)
		before := d.wakes(t)

		// The greeting from memory is the same.
		if diff := pgtest.Diff(awake, login(t, acme.target())); diff != "" {
			t.Errorf("- awake, + asleep\n%s", diff)
		}
		acme.mustSleep(t, "a login that asks nothing")

		// What does not prove who it is wakes nobody.
		host, port := d.hostPort(t)
		if r := run(t, exec.CommandContext(t.Context(), tool(t, "pg_isready"), "-h", host, "-p", port)); r.code != 0 {
			t.Errorf("pg_isready: exit code %d: %s%s", r.code, r.stdout, r.stderr)
		}
		encrypted := acme.target()
		encrypted.TLS = d.trust(t, acme.hostname())
		pgtest.Dial(t, encrypted).Close()
		forged := pgtest.Dial(t, acme.target())
		forged.Send(&pgproto3.CancelRequest{ProcessID: 4711, SecretKey: []byte{1, 2, 3, 4}})
		if answer := forged.ReadUntilClosed(); len(answer) > 0 {
			t.Errorf("a forged cancel request is answered by %v", pgtest.Lines(answer))
		}
		acme.mustSleep(t, "knocks at the door")
		if d.metric(t, "postern_cancels_total", `result="forged"`) == 0 {
			t.Error("the forged cancel request was not counted")
		}

		// A client that was greeted may wait, and its first query wakes.
		c := pgtest.Connect(t, acme.target())
		acme.mustSleep(t, "a login that waits")
		c.Query("select 42")
		c.Expect(`RowDescription "?column?" table=0 column=0 type=int4 size=4 modifier=-1 text`,
			`DataRow "42"`, `CommandComplete "SELECT 1"`, `ReadyForQuery I`)
		if state := acme.detail(t).State; state != "awake" {
			t.Errorf("after a query the tenant is %s", state)
		}
		if woken := d.wakes(t) - before; woken != 1 {
			t.Errorf("postern_wakes_total went up by %v", woken)
		}
	}
}

// sleepRemembered suspends the tenant when its login is known. What a login was
// told is filed in the background, so the first try may be too early.
func (a *tenant) sleepRemembered(t testing.TB) {
	t.Helper()
	eventually(t, "a login that asks nothing lets the tenant sleep", func() bool {
		pgtest.Connect(t, a.target()).Close()
		a.suspend(t)
		login(t, a.target())
		return a.pid(t) == 0
	})
}
