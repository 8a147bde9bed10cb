package engine

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// backs are how the server connections of w came back.
func (w *world) backs() []Return {
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	return w.host.returned
}

// slow is a server that answers "slow" only when it is canceled, else like
// transactions; and whatever of an extended batch it is sent, at its Sync.
func slow(canceled <-chan struct{}) func(*pgtest.ServerConn) {
	return func(c *pgtest.ServerConn) {
		status := byte('I')
		for {
			switch m := c.Receive().(type) {
			case *pgproto3.Query:
				switch m.String {
				case "begin":
					status = 'T'
				case "slow":
					<-canceled
					c.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014", Message: "canceled"}, &pgproto3.ReadyForQuery{TxStatus: status})
					continue
				case "copy":
					c.Send(&pgproto3.CopyInResponse{})
					continue
				}
				c.Send(&pgproto3.CommandComplete{CommandTag: []byte("X")}, &pgproto3.ReadyForQuery{TxStatus: status})
			case *pgproto3.Parse:
				c.Send(&pgproto3.ParseComplete{})
			case nil, *pgproto3.Terminate:
				return
			}
		}
	}
}

// However a client in session mode leaves, the server connection comes back once,
// without the client's goodbye, and is only lent again if nothing is on its way.
func TestServerConnectionIsBorrowed(t *testing.T) { eachEngine(t, testServerConnectionIsBorrowed) }

func testServerConnectionIsBorrowed(t *testing.T, run starter) {
	t.Parallel()
	lost := func(w *world) { w.client.Conn().(*net.TCPConn).SetLinger(0); w.client.Close() }
	for name, test := range map[string]struct {
		leave    func(*world)
		want     Return
		err      error
		canceled bool
		either   bool // broken or not
	}{
		"politely": {leave: func(w *world) { w.client.Terminate(); w.silent() }, want: Return{Status: 'I'}},
		"behind a statement": {leave: func(w *world) {
			w.client.Query("select 2")
			w.client.Terminate()
			w.expect("CZ")
			w.silent()
		}, want: Return{Status: 'I'}},
		"in a transaction": {leave: func(w *world) {
			w.client.Query("begin")
			w.expect("CZ")
			w.client.Terminate()
			w.silent()
		}, want: Return{Status: 'T'}},
		"half": {leave: func(w *world) {
			w.client.Query("begin")
			w.client.Write()
			w.client.Conn().(*net.TCPConn).CloseWrite()
			w.expect("CZ")
			w.silent()
		}, want: Return{Status: 'T'}, err: ErrClientLost},
		"lost": {leave: lost, want: Return{Status: 'I'}, err: ErrClientLost},
		"lost in a statement": {leave: func(w *world) {
			w.client.Query("begin")
			w.expect("CZ")
			w.client.Query("slow")
			w.client.Write()
			until(w.t, "the server has it", func() bool { return strings.Contains(w.received(), "slow") })
			lost(w)
		}, want: Return{Status: 'T'}, err: ErrClientLost, canceled: true},
		"in a batch": {leave: func(w *world) {
			w.client.Parse("", "select 1")
			w.client.Flush()
			w.expect("1")
			w.client.Terminate()
			w.silent()
		}, want: Return{Status: 'I', Broken: true}, canceled: true},
		"lost in a batch": {leave: func(w *world) {
			w.client.Parse("", "select 1")
			w.client.Flush()
			w.expect("1")
			lost(w)
		}, want: Return{Status: 'I', Broken: true}, err: ErrClientLost, canceled: true},
		"in COPY": {leave: func(w *world) {
			w.client.Query("copy")
			w.expect("G")
			w.client.CopyData("1\n")
			w.client.Terminate()
			w.silent()
		}, want: Return{Status: 'I', Broken: true}, canceled: true},
		"in a message": {leave: func(w *world) {
			w.client.Raw(append([]byte{'F', 0, 0, 1, 0}, 'x'))
			w.client.Write()
			until(w.t, "it has begun", w.Busy)
			lost(w)
		}, want: Return{Status: 'I', Broken: true}, err: ErrClientLost},
		"told": {leave: func(w *world) {
			w.EndWhenIdle(errEnding)
			w.fatal("57P01")
		}, want: Return{Status: 'I'}, err: errEnding},
		"told at once": {leave: func(w *world) {
			w.client.Query("begin")
			w.expect("CZ")
			w.End(errEnding)
			w.fatal("57P01")
		}, either: true, err: errEnding},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			canceled := make(chan struct{})
			w := run(t, setup{borrow: true, host: func(h *host) {
				h.cancel = func(Peer) error { close(canceled); return nil }
			}}, slow(canceled))
			w.client.Query("select 1")
			w.expect("CZ")
			until(t, "idle", func() bool { return !w.Busy() })
			test.leave(w)
			if err := w.wait(); !errors.Is(err, test.err) {
				t.Errorf("it has ended with %v, want %v", err, test.err)
			}
			switch backs := w.backs(); {
			case len(backs) != 1:
				t.Errorf("the server connection came back %d times", len(backs))
			case test.either:
			case test.want.Broken != backs[0].Broken || !test.want.Broken && test.want != backs[0]:
				t.Errorf("it came back %+v, want %+v", backs[0], test.want)
			}
			if got := w.host.canceled > 0; got != test.canceled {
				t.Errorf("canceled is %v", got)
			}
			if strings.Contains(w.received(), "Terminate") {
				t.Errorf("the server was told:\n%s", w.received())
			}
		})
	}
}

// A server connection on which part of a message has come is not lent again.
func TestBorrowedWithinMessage(t *testing.T) { eachEngine(t, testBorrowedWithinMessage) }

func testBorrowedWithinMessage(t *testing.T, run starter) {
	t.Parallel()
	notice := pgtest.Message{Type: 'N', Body: []byte("SNOTICE\x00C00000\x00Mhello\x00\x00")}.Append(nil)
	for _, cut := range []int{1, 4, 5, 12, len(notice) - 1} {
		sent := make(chan struct{})
		w := run(t, setup{borrow: true}, func(c *pgtest.ServerConn) {
			c.Receive()
			c.Send(&pgproto3.CommandComplete{CommandTag: []byte("X")})
			c.Raw(append([]byte{'Z', 0, 0, 0, 5, 'I'}, notice[:cut]...))
			close(sent)
			c.Drain()
		})
		w.client.Query("select 1")
		w.expect("CZ")
		<-sent
		w.client.Terminate()
		w.client.ReadUntilClosed()
		w.wait()
		if backs := w.backs(); len(backs) != 1 || !backs[0].Broken {
			t.Errorf("with %d bytes of a message it came back as %+v", cut, backs)
		}
	}
}
