package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// obedient is a backend that answers every query at once, but "slow" only when it
// is told to.
func obedient(slow <-chan struct{}) func(*pgtest.ServerConn) {
	return func(c *pgtest.ServerConn) {
		for {
			m, ok := c.Receive().(*pgproto3.Query)
			if !ok {
				return
			}
			if m.String == "slow" {
				<-slow
			}
			c.Send(&pgproto3.CommandComplete{CommandTag: []byte("X")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
	}
}

// eventually waits for what somebody else is about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("not so in the end: %s", what)
}

// requestCancel sends a cancel request, and waits for nothing.
func requestCancel(t *testing.T, target pgtest.Target, key wire.CancelRequest) *pgtest.Client {
	t.Helper()
	c := pgtest.Dial(t, target)
	c.Raw(wire.AppendCancel(nil, key))
	c.Write()
	return c
}

// A server connection for which a cancel request is on its way is lent to nobody,
// whoever has sent the request: or it would hit somebody else's statement.
//
// Promises: E88, I6.
func TestE88CancelIsOnItsWay(t *testing.T) {
	t.Parallel()
	for name, leaves := range map[string]bool{"the client's": false, "our own": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := make(chan struct{})
			b := newBackend(t, obedient(slow), nil)
			w := newScriptedWorld(t, b, ofSize(1))
			first, key := login(t, w.target())
			second := pgtest.Connect(t, w.target())
			first.Query("slow")
			first.Write()
			eventually(t, "it runs", func() bool { return b.asked("slow") == 1 })
			if leaves {
				first.Close()
			} else {
				requestCancel(t, w.target(), key)
			}
			<-b.cancels // it has come, and nobody has taken note of it yet
			close(slow)
			if !leaves {
				first.Expect(`CommandComplete "X"`, "ReadyForQuery I")
			}
			second.Query("innocent")
			second.Write()
			time.Sleep(50 * time.Millisecond) // for it to be lent the server connection, if it is
			if n := b.asked("innocent"); n > 0 {
				t.Error("the server connection was lent while a cancel request for it was on its way")
			}
			b.letGo()
			second.Expect(`CommandComplete "X"`, "ReadyForQuery I")
			if n := len(b.cancels); n > 0 {
				t.Errorf("%d cancel requests too many", n)
			}
		})
	}
}

// A server connection for which a cancel request was sent and nobody knows whether
// it has arrived is of no more use.
//
// Promises: E88.
func TestE88CancelIsLost(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	b := newBackend(t, obedient(slow), nil)
	w := newScriptedWorld(t, b, ofSize(1))
	first, key := login(t, w.target())
	first.Query("slow")
	first.Write()
	eventually(t, "it runs", func() bool { return b.asked("slow") == 1 })
	asks := requestCancel(t, w.target(), key)
	(<-b.cancels).Raw([]byte("nonsense")) // what no PostgreSQL does
	asks.ReadUntilClosed()
	close(slow)
	first.Expect(`CommandComplete "X"`, "ReadyForQuery I")
	before := b.logins()
	first.Query("again")
	first.Expect(`CommandComplete "X"`, "ReadyForQuery I")
	if after := b.logins(); after != before+1 {
		t.Errorf("%d logins, and %d behind the lost cancel request", before, after)
	}
	b.letGo()
}

// However many cancel requests come, only so many are passed on at once.
//
// Promises: E91.
func TestE91ManyCancels(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	b := newBackend(t, obedient(slow), nil)
	w := newScriptedWorld(t, b, nil)
	c, key := login(t, w.target())
	c.Query("slow")
	c.Write()
	eventually(t, "it runs", func() bool { return b.asked("slow") == 1 })
	const most = 8 // of one tenant
	var asking []*pgtest.Client
	for range most + 20 {
		asking = append(asking, requestCancel(t, w.target(), key))
	}
	eventually(t, "as many as may be have come", func() bool { return len(b.cancels) >= most })
	time.Sleep(50 * time.Millisecond) // for more to come, if they do
	if n := len(b.cancels); n != most {
		t.Errorf("%d cancel requests at once", n)
	}
	b.letGo()
	for _, asks := range asking {
		asks.ReadUntilClosed()
	}
	close(slow)
	c.Expect(`CommandComplete "X"`, "ReadyForQuery I")
}

// A server connection is closed if a wait ends while the client's settings are being
// made on it: what is still to be answered there must not reach whoever has it next.
//
// Promises: E89.
func TestE89CancelWhileSettingsAreMade(t *testing.T) {
	t.Parallel()
	made := make(chan struct{}, 1)
	b := newBackend(t, func(c *pgtest.ServerConn) {
		late := false // the answer about the settings comes with the next
		for {
			m, ok := c.Receive().(*pgproto3.Query)
			switch {
			case !ok:
				return
			case strings.Contains(m.String, "'second'"):
				made <- struct{}{}
				late = true
				continue
			case late:
				c.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("of the settings")}},
					&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
			}
			c.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(m.String)}},
				&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
	}, nil)
	w := newScriptedWorld(t, b, ofSize(1))
	first := pgtest.Connect(t, w.target().With("application_name", "first"))
	if got := row(t, first, "one"); got != `"one"` {
		t.Fatalf("got %s", got)
	}
	w.remembered(t)
	second, key := login(t, w.target().With("application_name", "second"))
	second.Query("two")
	second.Write()
	<-made
	sendCancel(t, w.target(), key)
	if failure := firstError(t, second.ReadUntilReady()); failure.Code != "57014" {
		t.Errorf("got %+v, want 57014", failure)
	}
	if got := row(t, first, "three"); got != `"three"` {
		t.Errorf("the next client gets %s", got)
	}
}
