package e2e

import (
	"net"
	"syscall"
	"testing"

	"postern/proxy/pgtest"
)

// closed waits until nobody is let in any more.
func (d *daemon) closed(t *testing.T) {
	t.Helper()
	eventually(t, "no new clients are taken", func() bool {
		conn, err := net.Dial("tcp", d.postgres)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// busy is a client in a transaction.
func (m *fleetMember) busy(t *testing.T) *pgtest.Client {
	t.Helper()
	c := m.client(t)
	c.Query("begin")
	c.ReadUntilReady()
	return c
}

func (m *fleetMember) ended(t *testing.T) {
	t.Helper()
	if code := m.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// PgBouncer 1.23 and later: INT waits for the transactions, without an end, and
// a signal more ends that.
func TestInterruptWaitsForServers(t *testing.T) {
	t.Parallel()
	m := startFleetMember(t, "[drain]\ntimeout = 0\n")
	idle, busy := m.client(t), m.busy(t)
	m.signal(t, syscall.SIGINT)
	endedWith(t, idle, "57P01")
	m.closed(t)
	busy.Query("select 1")
	busy.ReadUntilReady()
	busy.Query("commit")
	busy.ReadUntil('C')
	endedWith(t, busy, "57P01")
	m.ended(t)

	m.start(t)
	busy = m.busy(t)
	m.signal(t, syscall.SIGINT)
	m.closed(t)
	m.signal(t, syscall.SIGTERM)
	endedWith(t, busy, "57P01")
	m.ended(t)
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	m := startFleetMember(t, "[drain]\ntimeout = 0\n")
	say := func(t *testing.T, command string) {
		t.Helper()
		if _, err := m.mustConsole(t, "ops").Exec(t.Context(), command).ReadAll(); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	t.Run("WAIT_FOR_CLIENTS", func(t *testing.T) {
		idle := m.client(t)
		console := m.mustConsole(t, "ops")
		say(t, "SHUTDOWN WAIT_FOR_CLIENTS")
		m.closed(t)
		idle.Query("select 1")
		idle.ReadUntilReady()
		idle.Terminate()
		idle.ReadUntilClosed()
		m.ended(t)
		if _, err := console.Exec(t.Context(), "SHOW STATE").ReadAll(); err == nil {
			t.Error("the console goes on")
		}
	})
	t.Run("WAIT_FOR_SERVERS", func(t *testing.T) {
		m.start(t)
		idle, busy := m.client(t), m.busy(t)
		say(t, "SHUTDOWN WAIT_FOR_SERVERS")
		endedWith(t, idle, "57P01")
		busy.Query("commit")
		busy.ReadUntil('C')
		endedWith(t, busy, "57P01")
		m.ended(t)
	})
	t.Run("at once", func(t *testing.T) {
		m.start(t)
		busy, console := m.busy(t), m.mustConsole(t, "ops")
		say(t, "SHUTDOWN WAIT_FOR_CLIENTS")
		m.closed(t)
		busy.Query("select 1")
		busy.ReadUntilReady()
		_, _ = console.Exec(t.Context(), "SHUTDOWN").ReadAll() // may be cut off itself
		endedWith(t, busy, "57P01")
		m.ended(t)
	})
}
