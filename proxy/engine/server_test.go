package engine

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/relay"
	"postern/proxy/wire"
)

// Promises: F107, F108.
func TestF107ServerLost(t *testing.T) { eachEngine(t, testF107ServerLost) }

func testF107ServerLost(t *testing.T, run starter) {
	t.Parallel()
	for _, test := range []struct {
		name, sql string
		script    func(*pgtest.ServerConn)
		code      string
		before    string // what the client gets before that
	}{
		{"idle", "", func(c *pgtest.ServerConn) {}, wire.ConnectionFailure, ""},
		{"within a statement", "select 1", func(c *pgtest.ServerConn) { c.Receive() }, wire.ConnectionFailure, ""},
		{"reset", "select 1", func(c *pgtest.ServerConn) { c.Receive(); c.Reset() }, wire.ConnectionFailure, ""},
		{"between rows", "select 1", func(c *pgtest.ServerConn) {
			c.Receive()
			c.Send(&pgproto3.DataRow{Values: [][]byte{{'1'}}})
		}, wire.ConnectionFailure, "D"},
		{"within a head", "select 1", func(c *pgtest.ServerConn) {
			c.Receive()
			c.Send(&pgproto3.DataRow{Values: [][]byte{{'1'}}})
			c.Raw([]byte{'D', 0, 0})
		}, wire.ConnectionFailure, "D"},
		{"COMMIT not answered", "commit", func(c *pgtest.ServerConn) { c.Receive() }, wire.TransactionUnknown, ""},
		{"COMMIT in a list", "insert; commit", func(c *pgtest.ServerConn) { c.Receive() }, wire.TransactionUnknown, ""},
		{"COMMIT answered", "commit", func(c *pgtest.ServerConn) {
			c.Receive()
			c.Send(&pgproto3.CommandComplete{CommandTag: []byte("COMMIT")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}, wire.ConnectionFailure, "CZ"},
		{"garbage", "select 1", func(c *pgtest.ServerConn) {
			c.Receive()
			c.Raw([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Drain()
		}, wire.ConnectionFailure, ""},
		{"a length of 3", "select 1", func(c *pgtest.ServerConn) {
			c.Receive()
			c.Send(&pgproto3.DataRow{Values: [][]byte{{'1'}}})
			c.Raw([]byte{'D', 0, 0, 0, 3})
			c.Drain()
		}, wire.ConnectionFailure, "D"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := run(t, setup{}, test.script)
			if test.sql != "" {
				w.client.Query(test.sql)
			}
			w.expect(test.before)
			w.fatal(test.code)
			err := w.wait()
			var failure *wire.Error
			if !errors.Is(err, ErrServerLost) || !errors.As(err, &failure) || failure.Code != test.code {
				t.Errorf("%v", err)
			}
		})
	}
}

// Nothing is put into the middle of a message, wherever the server breaks off.
func TestServerLostWithinMessage(t *testing.T) { eachEngine(t, testServerLostWithinMessage) }

func testServerLostWithinMessage(t *testing.T, run starter) {
	t.Parallel()
	row := pgtest.Message{Type: 'D', Body: bytes.Repeat([]byte{'x'}, 100)}.Append(nil)
	for name, script := range map[string]func(*pgtest.ServerConn){
		"closes": func(c *pgtest.ServerConn) { c.Raw(row[:50]) },
		"resets": func(c *pgtest.ServerConn) { c.Raw(row[:50]); time.Sleep(50 * time.Millisecond); c.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, setup{}, script)
			w.client.Conn().SetReadDeadline(time.Now().Add(20 * time.Second))
			got, err := io.ReadAll(w.client.Conn())
			if err != nil || !bytes.Equal(got, row[:50]) {
				t.Errorf("the client got %q, %v", got, err)
			}
			if err := w.wait(); !errors.Is(err, ErrServerLost) {
				t.Error(err)
			}
		})
	}
}

// A message that has begun is finished before the client learns that what comes
// behind it is garbage.
func TestServerBreaksOffBehindMessage(t *testing.T) { eachEngine(t, testServerBreaksOffBehindMessage) }

func testServerBreaksOffBehindMessage(t *testing.T, run starter) {
	t.Parallel()
	row := pgtest.Message{Type: 'D', Body: bytes.Repeat([]byte{'x'}, 100)}.Append(nil)
	first := make(chan struct{})
	w := run(t, setup{}, func(c *pgtest.ServerConn) {
		c.Raw(row[:50])
		<-first
		c.Raw(append(row[50:], "HTTP/1.1"...))
		c.Drain()
	})
	half := make([]byte, 50)
	if _, err := io.ReadFull(w.client.Conn(), half); err != nil {
		t.Fatal(err)
	}
	close(first)
	w.client.Conn().SetReadDeadline(time.Now().Add(20 * time.Second))
	rest, err := io.ReadAll(w.client.Conn())
	if err != nil || !bytes.HasPrefix(rest, row[50:]) {
		t.Fatalf("the client got %q, %v", rest, err)
	}
	if rest = rest[50+5:]; len(rest) == 0 || rest[0] != 'E' || !bytes.Contains(rest, []byte("08006")) {
		t.Errorf("the client got %q at the end", rest)
	}
}

// What the server says at its end is relayed, once, and nothing is added.
// Promises: F107.
func TestF107FatalOnce(t *testing.T) { eachEngine(t, testF107FatalOnce) }

func testF107FatalOnce(t *testing.T, run starter) {
	t.Parallel()
	fatal := &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P01", Message: "terminating", Routine: "ProcessInterrupts"}
	for name, script := range map[string]func(*pgtest.ServerConn){
		"idle":            func(c *pgtest.ServerConn) { c.Send(fatal) },
		"translated":      func(c *pgtest.ServerConn) { f := *fatal; f.Severity = "FATAL:"; c.Send(&f) },
		"and then resets": func(c *pgtest.ServerConn) { c.Send(fatal); time.Sleep(50 * time.Millisecond); c.Reset() },
		"within a statement": func(c *pgtest.ServerConn) {
			c.Receive()
			c.Send(&pgproto3.DataRow{Values: [][]byte{{'1'}}}, fatal)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, setup{}, script)
			if strings.HasPrefix(name, "within") {
				w.client.Query("select 1")
				w.expect("D")
			}
			said := w.client.ReadUntilClosed()
			if len(said) != 1 || said[0].Error().Code != "57P01" || said[0].Error().Routine != "ProcessInterrupts" {
				t.Errorf("the client got %v", pgtest.Lines(said))
			}
			if err := w.wait(); !errors.Is(err, ErrServerEnded) {
				t.Error(err)
			}
		})
	}
}

// The client learns that a statement has succeeded after its effects are known.
func TestChangedComesFirst(t *testing.T) { eachEngine(t, testChangedComesFirst) }

func testChangedComesFirst(t *testing.T, run starter) {
	t.Parallel()
	told, proceed := make(chan relay.Effects), make(chan struct{})
	w := run(t, setup{host: func(h *host) {
		h.changed = func(effects relay.Effects) {
			told <- effects
			<-proceed
		}
	}}, answer)
	w.client.Query("alter role app password 'x'")
	w.client.Write()
	if effects := <-told; effects&relay.Roles == 0 {
		t.Errorf("effects %b", effects)
	}
	w.expect("C") // what comes before ReadyForQuery tells nothing yet
	if !w.Busy() {
		t.Error("not busy although the answer is not complete")
	}
	close(proceed)
	w.expect("Z")
	w.client.Query("select 1")
	w.expect("CZ")
}

// Promises: C79.
func TestC79BrokenClient(t *testing.T) { eachEngine(t, testC79BrokenClient) }

func testC79BrokenClient(t *testing.T, run starter) {
	t.Parallel()
	for name, s := range map[string]setup{"alone": {alone: true}, "with a server": {}, "TLS": {tls: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, s, answer)
			w.client.Raw([]byte("GET / HTTP/1.1\r\n\r\n"))
			w.fatal(wire.ProtocolViolation)
			var failure *wire.Error
			if err := w.wait(); !errors.As(err, &failure) || failure.Code != wire.ProtocolViolation {
				t.Error(err)
			}
			if got := w.received(); got != "" {
				t.Errorf("the server got %s", got)
			}
		})
	}
}
