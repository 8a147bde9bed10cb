package proxy_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// keyOf returns the cancel key of a login's messages.
func keyOf(t *testing.T, said []pgtest.Message) wire.CancelRequest {
	t.Helper()
	for _, m := range said {
		if m.Type == 'K' {
			decoded, err := m.Decode()
			if err != nil {
				t.Fatal(err)
			}
			key := decoded.(*pgproto3.BackendKeyData)
			return wire.CancelRequest{PID: key.ProcessID, Secret: key.SecretKey}
		}
	}
	t.Fatal("no BackendKeyData")
	return wire.CancelRequest{}
}

// login returns a client and its cancel key.
func login(t *testing.T, target pgtest.Target) (*pgtest.Client, wire.CancelRequest) {
	t.Helper()
	c := pgtest.Dial(t, target)
	return c, keyOf(t, c.Startup())
}

// sendCancel sends a cancel request and waits until it is dealt with.
func sendCancel(t *testing.T, target pgtest.Target, key wire.CancelRequest) {
	t.Helper()
	c := pgtest.Dial(t, target)
	c.Raw(wire.AppendCancel(nil, key))
	c.Raw([]byte("noise")) // E93
	c.Write()
	c.ReadUntilClosed()
}

// Promises: A5, A12, E93, K7.
func TestCancelRunningStatement(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major})
		w := newWorld(t, pg, inSession)
		long := w.target()
		long.Protocol = wire.Version32 // A12: a key of 32 bytes
		inTLS := w.target()
		inTLS.TLS = w.authority.ClientConfig("acme.db.localhost") // A5
		for name, target := range map[string]pgtest.Target{"3.0": w.target(), "3.2": long, "TLS": inTLS} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c, key := login(t, target)
				if size := len(key.Secret); target.Protocol == wire.Version32 && size != 32 || target.Protocol == 0 && size != 4 {
					t.Errorf("a key of %d bytes", size)
				}
				c.Query("select pg_backend_pid()")
				row, err := c.ReadUntilReady()[1].Decode()
				if err != nil {
					t.Fatal(err)
				}
				pid := string(row.(*pgproto3.DataRow).Values[0])
				if got := fmt.Sprint(key.PID); got != pid {
					t.Errorf("the key's pid is %s, the backend's %s (section K: tools kill by it)", got, pid)
				}
				c.Query("select pg_sleep(60)")
				c.Write()
				waitFor(t, pg, "select count(*) = 1 from pg_stat_activity where state = 'active' and pid = "+pid)
				sendCancel(t, target, key)
				if failure := firstError(t, c.ReadUntilReady()); failure.Code != "57014" {
					t.Errorf("got %+v, want 57014", failure)
				}
			})
		}
	})
}

// A key that is wrong in one bit does nothing.
// Promises: E92.
func TestE92ForgedCancel(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	c, key := login(t, w.target())
	c.Query("select pg_sleep(0.3)")
	c.Write()
	waitFor(t, pg, "select count(*) = 1 from pg_stat_activity where query like '%pg_sleep(0.3)%' and state = 'active' and pid <> pg_backend_pid()")
	for bit := range 8 * len(key.Secret) {
		forged := wire.CancelRequest{PID: key.PID, Secret: append([]byte(nil), key.Secret...)}
		forged.Secret[bit/8] ^= 1 << (bit % 8)
		sendCancel(t, w.target(), forged)
	}
	if got := pgtest.Lines(c.ReadUntilReady()); len(got) != 4 {
		t.Errorf("the statement was cancelled: %v", got)
	}
}

// A cancel ends the wait for a tenant that wakes, and the session goes on.
// Promises: E89, E90, J3.
func TestE89CancelWhileWaking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	w.asleep(t)
	c, key := login(t, w.target())
	sendCancel(t, w.target(), key) // E90: idle, so nothing happens
	held := make(chan struct{})
	w.gate.mu.Lock()
	w.gate.held = held
	w.gate.mu.Unlock()
	c.Query("select 1")
	c.Write()
	answer := make(chan []pgtest.Message, 1)
	go func() { answer <- c.ReadUntilReady() }()
	// The request may come before the query does; it is then a cancel of an idle
	// client, so ask until the wait has ended.
	for ended := false; !ended; {
		sendCancel(t, w.target(), key)
		select {
		case said := <-answer:
			if failure := firstError(t, said); failure.Code != "57014" || failure.Severity != "ERROR" {
				t.Errorf("got %+v, want ERROR 57014", failure)
			}
			ended = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	w.gate.mu.Lock()
	w.gate.held = nil
	w.gate.mu.Unlock()
	close(held)
	c.Query("select 1")
	if got := pgtest.Lines(c.ReadUntilReady()); len(got) != 4 {
		t.Errorf("the session did not go on: %v", got)
	}
}

// A client that hangs up leaves the queue.
// Promises: J3.
func TestJ3HangUpWhileWaking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	w.asleep(t)
	held := make(chan struct{})
	defer close(held)
	w.gate.mu.Lock()
	w.gate.held = held
	w.gate.mu.Unlock()
	c := pgtest.Connect(t, w.target())
	c.Query("select 1")
	c.Write()
	c.Conn().(*net.TCPConn).SetLinger(0)
	c.Close()
	// Drain ends only when the session has, which nobody wakes.
	w.server.Drain(t.Context())
}
