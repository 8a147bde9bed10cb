package engine

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// answer is a server that answers every Query and every Sync, and leaves at
// Terminate.
func answer(c *pgtest.ServerConn) {
	for {
		switch c.Receive().(type) {
		case *pgproto3.Query:
			c.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Sync:
			c.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Terminate, nil:
			return
		}
	}
}

var (
	errBusy   = &wire.Error{Code: wire.CannotConnectNow, Message: "not now"}
	errEnding = &wire.Error{Code: wire.AdminShutdown, Message: "the end"}
	errCancel = &wire.Error{Code: wire.QueryCanceled, Message: "canceled"}
)

// Promises: C81.
func TestAttachAtFirstMessage(t *testing.T) { eachEngine(t, testAttachAtFirstMessage) }

func testAttachAtFirstMessage(t *testing.T, run starter) {
	t.Parallel()
	ahead := pgtest.Message{Type: 'S', Body: []byte("TimeZone\x00UTC\x00")}.Append(nil)
	w := run(t, setup{alone: true, ahead: ahead}, answer)
	w.client.Sync() // C81
	w.expect("Z")
	if w.host.asked() != 0 || w.Attached() {
		t.Fatal("a Sync alone has asked for a server")
	}
	w.client.Query("select 1")
	w.expect("SCZ")
	w.client.Query("select 2")
	w.expect("CZ")
	if w.host.asked() != 1 || !w.Attached() {
		t.Errorf("asked for a server %d times", w.host.asked())
	}
	w.client.Terminate()
	w.silent()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
	want := "Query \"select 1\"\nQuery \"select 2\"\nTerminate\n"
	if got := w.received(); got != want {
		t.Errorf("the server got\n%swant\n%s", got, want)
	}
}

func TestTerminateWithoutServer(t *testing.T) { eachEngine(t, testTerminateWithoutServer) }

func testTerminateWithoutServer(t *testing.T, run starter) {
	t.Parallel()
	w := run(t, setup{alone: true}, answer)
	w.client.Terminate()
	w.silent()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
}

func TestBytes(t *testing.T) { eachEngine(t, testBytes) }

func testBytes(t *testing.T, run starter) {
	t.Parallel()
	w := run(t, setup{}, answer)
	w.client.Query("select 1")
	w.expect("CZ")
	w.client.Terminate()
	w.silent()
	w.wait()
	if in, out := w.Bytes(); in != 14+5 || out != 14+6 {
		t.Errorf("%d bytes from the client, %d to it", in, out)
	}
}

// What was read with the login may end within a message's head.
func TestAheadEndsInHead(t *testing.T) { eachEngine(t, testAheadEndsInHead) }

func testAheadEndsInHead(t *testing.T, run starter) {
	t.Parallel()
	notice := pgtest.Message{Type: 'S', Body: []byte("TimeZone\x00UTC\x00")}.Append(nil)
	for cut := range len(notice) {
		w := run(t, setup{ahead: notice[:cut:cut]}, func(c *pgtest.ServerConn) {
			c.Raw(notice[cut:])
			answer(c)
		})
		w.expect("S")
		w.client.Query("select 1")
		w.expect("CZ")
	}
}

// Promises: C52, C53.
func TestC52RefusalKeepsSession(t *testing.T) { eachEngine(t, testC52RefusalKeepsSession) }

func testC52RefusalKeepsSession(t *testing.T, run starter) {
	t.Parallel()
	var refuse atomic.Bool
	refuse.Store(true)
	w := run(t, setup{alone: true, host: func(h *host) {
		h.attach = func(context.Context) (Peer, error) {
			if refuse.Load() {
				return Peer{}, errBusy
			}
			return h.connect(), nil
		}
	}}, answer)
	w.client.Query("select 1")
	w.client.Expect(`ErrorResponse S="ERROR" V="ERROR" C="57P03" M="not now"`, "ReadyForQuery I")
	w.client.Parse("", "select 1")
	w.client.Bind("", "")
	w.client.Execute("", 0)
	w.client.Sync()
	w.client.Expect(`ErrorResponse S="ERROR" V="ERROR" C="57P03" M="not now"`, "ReadyForQuery I")
	until(t, "it is idle after a refusal", func() bool { return !w.Busy() })
	refuse.Store(false)
	w.client.Query("select 1")
	w.expect("CZ")
	w.client.Terminate()
	w.silent()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
}

// A backend's own refusal goes to the client as it is.
// Promises: F107.
func TestF107LastWordsOfBackend(t *testing.T) { eachEngine(t, testF107LastWordsOfBackend) }

func testF107LastWordsOfBackend(t *testing.T, run starter) {
	t.Parallel()
	refused := errors.New("refused")
	message := pgtest.Message{Type: 'E', Body: []byte("SFATAL\x00C53300\x00Mtoo many\x00Routh\x00\x00")}
	w := run(t, setup{alone: true, host: func(h *host) {
		h.attach = func(context.Context) (Peer, error) {
			return Peer{}, &LastWords{Message: message.Append(nil), Err: refused}
		}
	}}, answer)
	w.client.Query("select 1")
	w.client.Expect(`ErrorResponse S="FATAL" C="53300" M="too many" R="outh"`, "closed")
	if err := w.wait(); !errors.Is(err, refused) {
		t.Error(err)
	}
}

// An error that is none of the client's business ends the session in silence.
func TestAttachBreaks(t *testing.T) { eachEngine(t, testAttachBreaks) }

func testAttachBreaks(t *testing.T, run starter) {
	t.Parallel()
	broken := errors.New("broken")
	w := run(t, setup{alone: true, host: func(h *host) {
		h.attach = func(context.Context) (Peer, error) { return Peer{}, broken }
	}}, answer)
	w.client.Query("select 1")
	w.silent()
	if err := w.wait(); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// waiting is a world whose client waits for a server connection until release is
// called, or as long as its context lets it.
func waiting(t *testing.T, run starter, s setup) (w *world, release func(), cause chan error) {
	t.Helper()
	held := make(chan struct{})
	cause = make(chan error, 1)
	s.alone = true
	s.host = func(h *host) {
		h.attach = func(ctx context.Context) (Peer, error) {
			select {
			case <-held:
				return h.connect(), nil
			case <-ctx.Done():
				cause <- context.Cause(ctx)
				return Peer{}, ctx.Err()
			}
		}
	}
	w = run(t, s, answer)
	return w, func() { close(held) }, cause
}

// begin sends and waits until the client is seen to wait.
func (w *world) begin() {
	w.t.Helper()
	w.client.Write()
	until(w.t, "a server was asked for", func() bool { return w.host.asked() > 0 })
}

// Promises: J3.
func TestJ3HangUpWhileWaiting(t *testing.T) { eachEngine(t, testJ3HangUpWhileWaiting) }

func testJ3HangUpWhileWaiting(t *testing.T, run starter) {
	t.Parallel()
	for name, leave := range map[string]func(net.Conn){
		"close": func(c net.Conn) { c.Close() },
		"reset": func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() },
		"half":  func(c net.Conn) { c.(*net.TCPConn).CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, cause := waiting(t, run, setup{})
			w.client.Query("select 1")
			w.begin()
			leave(w.client.Conn())
			if err := <-cause; !errors.Is(err, ErrClientLost) {
				t.Errorf("the wait has ended with %v", err)
			}
			if err := w.wait(); !errors.Is(err, ErrClientLost) {
				t.Error(err)
			}
			if len(w.server.Connections()) > 0 {
				t.Error("a server was connected to")
			}
		})
	}
}

// What a client has sent before it said goodbye is run, as at PostgreSQL itself.
// Promises: K6.
func TestKTerminateBehindQuery(t *testing.T) { eachEngine(t, testKTerminateBehindQuery) }

func testKTerminateBehindQuery(t *testing.T, run starter) {
	t.Parallel()
	for name, leave := range map[string]func(net.Conn){
		"stays":  func(net.Conn) {},
		"closes": func(c net.Conn) { c.Close() },
		"half":   func(c net.Conn) { c.(*net.TCPConn).CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, release, _ := waiting(t, run, setup{})
			w.client.Query("insert")
			w.client.Terminate()
			w.begin()
			leave(w.client.Conn())
			release()
			if name != "closes" {
				w.expect("CZ")
				w.silent()
			}
			if err := w.wait(); err != nil && name != "closes" {
				t.Error(err)
			}
			until(t, "the server was told", func() bool { return w.received() == "Query \"insert\"\nTerminate\n" })
		})
	}
}

// Promises: E89.
func TestE89CancelWait(t *testing.T) { eachEngine(t, testE89CancelWait) }

func testE89CancelWait(t *testing.T, run starter) {
	t.Parallel()
	w, release, cause := waiting(t, run, setup{})
	if w.CancelWait(errCancel) {
		t.Error("there was nothing to cancel")
	}
	w.client.Query("select 1")
	w.begin()
	until(t, "the client waits", w.Busy)
	if !w.CancelWait(errCancel) {
		t.Fatal("nothing was canceled")
	}
	if err := <-cause; err != errCancel {
		t.Errorf("the wait has ended with %v", err)
	}
	w.client.Expect(`ErrorResponse S="ERROR" V="ERROR" C="57014" M="canceled"`, "ReadyForQuery I")
	if w.CancelWait(errCancel) {
		t.Error("there was nothing to cancel any more")
	}
	release()
	w.client.Query("select 1")
	w.expect("CZ")
	if w.CancelWait(errCancel) {
		t.Error("there was no wait to cancel, but a server")
	}
}

// More than the buffer holds may be sent while there is no server; it is held
// back, and nothing is lost.
func TestMuchIsSentWhileWaiting(t *testing.T) { eachEngine(t, testMuchIsSentWhileWaiting) }

func testMuchIsSentWhileWaiting(t *testing.T, run starter) {
	t.Parallel()
	w, release, _ := waiting(t, run, setup{})
	const queries = 20_000
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		b, _ := (&pgproto3.Query{String: "select 1 -- and some more to fill the buffers with"}).Encode(nil)
		for range queries {
			if _, err := w.client.Conn().Write(b); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	until(t, "a server was asked for", func() bool { return w.host.asked() > 0 })
	release()
	for range queries {
		w.expect("CZ")
	}
	<-sent
	if w.host.asked() != 1 {
		t.Errorf("asked for a server %d times", w.host.asked())
	}
}
