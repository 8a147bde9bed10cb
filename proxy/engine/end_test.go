package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

func TestEndWhenIdleAtOnce(t *testing.T) { eachEngine(t, testEndWhenIdleAtOnce) }

func testEndWhenIdleAtOnce(t *testing.T, run starter) {
	t.Parallel()
	for name, s := range map[string]setup{"alone": {alone: true}, "with a server": {}, "TLS": {tls: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, s, answer)
			w.client.Sync()
			w.expect("Z")
			until(t, "idle", func() bool { return !w.Busy() })
			w.EndWhenIdle(errEnding)
			w.fatal(wire.AdminShutdown)
			if err := w.wait(); err != errEnding {
				t.Error(err)
			}
		})
	}
}

// transactions is a server that answers "begin" and all else within a
// transaction, but for "commit".
func transactions(c *pgtest.ServerConn) {
	status := byte('I')
	for {
		m, ok := c.Receive().(*pgproto3.Query)
		if !ok {
			return
		}
		switch m.String {
		case "begin":
			status = 'T'
		case "commit":
			status = 'I'
		}
		c.Send(&pgproto3.CommandComplete{CommandTag: []byte("X")}, &pgproto3.ReadyForQuery{TxStatus: status})
	}
}

// Promises: G112.
func TestEndWhenIdleAfterTransaction(t *testing.T) { eachEngine(t, testEndWhenIdleAfterTransaction) }

func testEndWhenIdleAfterTransaction(t *testing.T, run starter) {
	t.Parallel()
	w := run(t, setup{}, transactions)
	w.client.Query("begin")
	w.expect("CZ")
	w.EndWhenIdle(errEnding)
	w.client.Query("select 1")
	w.expect("CZ")
	if !w.Busy() {
		t.Error("not busy within a transaction")
	}
	w.client.Query("commit")
	w.expect("CZ")
	w.fatal(wire.AdminShutdown)
	if err := w.wait(); err != errEnding {
		t.Error(err)
	}
}

func TestEndWhenIdleAfterRefusal(t *testing.T) { eachEngine(t, testEndWhenIdleAfterRefusal) }

func testEndWhenIdleAfterRefusal(t *testing.T, run starter) {
	t.Parallel()
	w, _, _ := waiting(t, run, setup{})
	w.client.Query("select 1")
	w.begin()
	until(t, "the client waits", w.Busy)
	w.EndWhenIdle(errEnding)
	if !w.CancelWait(errCancel) {
		t.Fatal("it does not wait any more")
	}
	w.client.Expect(
		`ErrorResponse S="ERROR" V="ERROR" C="57014" M="canceled"`, "ReadyForQuery I",
		`ErrorResponse S="FATAL" V="FATAL" C="57P01" M="the end"`, "closed")
	if err := w.wait(); err != errEnding {
		t.Error(err)
	}
}

func TestKeepOn(t *testing.T) { eachEngine(t, testKeepOn) }

func testKeepOn(t *testing.T, run starter) {
	t.Parallel()
	w := run(t, setup{}, transactions)
	w.client.Query("begin")
	w.expect("CZ")
	w.EndWhenIdle(errEnding)
	w.KeepOn()
	w.client.Query("commit")
	w.expect("CZ")
	w.client.Query("select 1")
	w.expect("CZ")
	w.client.Terminate()
	w.silent()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
}

// A session that has been told its end is not kept on, and its error is there.
func TestKeepOnTooLate(t *testing.T) { eachEngine(t, testKeepOnTooLate) }

func testKeepOnTooLate(t *testing.T, run starter) {
	t.Parallel()
	w := run(t, setup{}, answer)
	w.client.Sync()
	w.expect("Z")
	until(t, "idle", func() bool { return !w.Busy() })
	w.EndWhenIdle(errEnding)
	w.KeepOn()
	w.fatal(wire.AdminShutdown)
	if err := w.wait(); err != errEnding {
		t.Errorf("%T %v", err, err)
	}
}

// Whoever ends a session must not be held up by a client that reads nothing.
func TestEndWhenIdleDoesNotBlock(t *testing.T) { eachEngine(t, testEndWhenIdleDoesNotBlock) }

func testEndWhenIdleDoesNotBlock(t *testing.T, run starter) {
	t.Parallel()
	flooding := make(chan struct{})
	w := run(t, setup{}, func(c *pgtest.ServerConn) {
		c.Receive()
		row := make([]byte, 1<<20)
		close(flooding)
		for c.Err() == nil {
			c.Send(&pgproto3.DataRow{Values: [][]byte{row}})
		}
	})
	w.client.Query("select much")
	w.client.Write()
	<-flooding
	time.Sleep(100 * time.Millisecond) // until the socket buffers are full
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		w.EndWhenIdle(errEnding)
		w.KeepOn()
		w.EndWhenIdle(errEnding)
	}()
	select {
	case <-returned:
	case <-time.After(20 * time.Second):
		t.Error("held up")
	}
	w.End(errEnding)
	w.wait()
	<-returned
}

// However EndWhenIdle falls between a statement and its answer, it takes effect.
func TestEndWhenIdleIsNotMissed(t *testing.T) { eachEngine(t, testEndWhenIdleIsNotMissed) }

func testEndWhenIdleIsNotMissed(t *testing.T, run starter) {
	t.Parallel()
	for range 200 {
		w := run(t, setup{}, answer)
		var ending sync.WaitGroup
		w.client.Query("select 1")
		w.client.Write()
		for range 3 {
			ending.Go(func() { w.EndWhenIdle(errEnding) })
		}
		w.client.ReadUntilClosed()
		if err := w.wait(); err != errEnding {
			t.Fatal(err)
		}
		ending.Wait()
	}
}

// What ends a session at once is the client's last message.
func TestEndAtOnce(t *testing.T) { eachEngine(t, testEndAtOnce) }

func testEndAtOnce(t *testing.T, run starter) {
	t.Parallel()
	for name, s := range map[string]setup{"alone": {alone: true}, "with a server": {}, "TLS": {tls: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, s, answer)
			w.client.Sync()
			w.expect("Z")
			w.End(errEnding)
			w.fatal(wire.AdminShutdown)
			if err := w.wait(); err != errEnding {
				t.Error(err)
			}
		})
	}
}

// Promises: G112.
func TestEndWhileWaiting(t *testing.T) { eachEngine(t, testEndWhileWaiting) }

func testEndWhileWaiting(t *testing.T, run starter) {
	t.Parallel()
	for range 50 {
		w, _, _ := waiting(t, run, setup{})
		w.client.Query("select 1")
		w.begin()
		w.End(errEnding)
		w.fatal(wire.AdminShutdown)
		if err := w.wait(); err != errEnding {
			t.Fatal(err)
		}
	}
}

// Nothing is put into the middle of a message that the client has a part of.
func TestEndWithinMessage(t *testing.T) { eachEngine(t, testEndWithinMessage) }

func testEndWithinMessage(t *testing.T, run starter) {
	t.Parallel()
	row := pgtest.Message{Type: 'D', Body: make([]byte, 1000)}.Append(nil)
	sent := make(chan struct{})
	w := run(t, setup{}, func(c *pgtest.ServerConn) {
		c.Receive()
		c.Raw(row[:500])
		close(sent)
		c.Drain()
	})
	w.client.Query("select 1")
	w.client.Write()
	<-sent
	w.client.Conn().SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 2000)
	if n, err := w.client.Conn().Read(b); n != 500 || err != nil {
		t.Fatal(n, err)
	}
	w.End(errEnding)
	if n, err := w.client.Conn().Read(b); n != 0 || err == nil {
		t.Errorf("the client got %q behind a part of a message", b[:n])
	}
	w.wait()
}

// The same where the part of a message is in the buffers of a client that does
// not read.
func TestEndWithinWrite(t *testing.T) { eachEngine(t, testEndWithinWrite) }

func testEndWithinWrite(t *testing.T, run starter) {
	t.Parallel()
	flooding := make(chan struct{})
	w := run(t, setup{}, func(c *pgtest.ServerConn) {
		c.Receive()
		row := make([]byte, 10_000) // smaller than what one read takes
		close(flooding)
		for c.Err() == nil {
			c.Send(&pgproto3.DataRow{Values: [][]byte{row}})
		}
	})
	w.client.Query("select much")
	w.client.Write()
	<-flooding
	time.Sleep(100 * time.Millisecond) // until the socket buffers are full
	w.End(errEnding)
	w.client.Conn().SetReadDeadline(time.Now().Add(20 * time.Second))
	b, _ := io.ReadAll(w.client.Conn()) // the end may be a reset
	for len(b) > 5 && b[0] == 'D' {
		b = b[min(len(b), 1+int(binary.BigEndian.Uint32(b[1:]))):]
		if bytes.Contains(b[:min(len(b), 10_000)], []byte("57P01")) && b[0] != 'E' {
			t.Fatal("the last words are within a message")
		}
	}
	if err := w.wait(); err != errEnding {
		t.Error(err)
	}
}

func TestClientLost(t *testing.T) { eachEngine(t, testClientLost) }

func testClientLost(t *testing.T, run starter) {
	t.Parallel()
	for name, leave := range map[string]func(net.Conn){
		"reset":               func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() },
		"with answers unread": func(c net.Conn) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flooding := make(chan struct{})
			w := run(t, setup{}, func(c *pgtest.ServerConn) {
				c.Receive()
				close(flooding)
				for c.Err() == nil {
					c.Send(&pgproto3.DataRow{Values: [][]byte{make([]byte, 10_000)}})
				}
			})
			w.client.Query("select much")
			w.client.Write()
			<-flooding
			leave(w.client.Conn())
			if err := w.wait(); !errors.Is(err, ErrClientLost) {
				t.Error(err)
			}
			if !w.Busy() {
				t.Error("what the client has left running is not seen")
			}
		})
	}
}

// As with PostgreSQL itself, a client that has closed its side gets its answers.
func TestHalfClosedClient(t *testing.T) { eachEngine(t, testHalfClosedClient) }

func testHalfClosedClient(t *testing.T, run starter) {
	t.Parallel()
	proceed := make(chan struct{})
	w := run(t, setup{}, func(c *pgtest.ServerConn) {
		c.Receive()
		<-proceed
		c.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		if c.Receive() != nil {
			t.Error("the server got another message")
		}
	})
	w.client.Query("select 1")
	w.client.Write()
	w.client.Conn().(*net.TCPConn).CloseWrite()
	close(proceed)
	w.expect("CZ")
	w.silent()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
}
