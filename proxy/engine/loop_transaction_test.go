//go:build linux

package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/relay"
	"postern/proxy/wire"
)

// shelf is a pool of the simplest kind: server connections that clients of one
// host or several take turns with.
type shelf struct {
	mu      sync.Mutex
	free    []Peer      // under mu
	waiting []chan Peer // under mu
	back    []Return    // under mu
}

// use makes a host take its server connections from the shelf, of which there are
// so many.
func (s *shelf) use(h *host, size int) {
	h.try = func() (Peer, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch n := len(s.free); {
		case n > 0:
			peer := s.free[n-1]
			s.free = s.free[:n-1]
			return peer, true
		case size > 0:
			size--
			return h.connect(), true
		}
		return Peer{}, false
	}
	h.attach = func(ctx context.Context) (Peer, error) {
		if peer, ok := h.try(); ok {
			return peer, nil
		}
		got := make(chan Peer, 1)
		s.mu.Lock()
		s.waiting = append(s.waiting, got)
		s.mu.Unlock()
		select {
		case peer := <-got:
			return peer, nil
		case <-ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			if i := slices.Index(s.waiting, got); i >= 0 {
				s.waiting = slices.Delete(s.waiting, i, i+1)
				return Peer{}, ctx.Err()
			}
			return <-got, nil
		}
	}
	h.release = func(peer Peer, returned Return) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.back = append(s.back, returned)
		peer.Ahead = nil
		switch {
		case returned.Broken:
			peer.Close()
		case len(s.waiting) > 0:
			s.waiting[0] <- peer
			s.waiting = s.waiting[1:]
		default:
			s.free = append(s.free, peer)
		}
	}
}

func (s *shelf) returned() []Return {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.back)
}

// pooled is a setup in transaction mode whose server connections are the shelf's.
func (s *shelf) pooled(size int) setup {
	return setup{alone: true, pool: new(relay.Config), host: func(h *host) { s.use(h, size) }}
}

// Promises: C51.
func TestServerConnectionIsLent(t *testing.T) { eachEngine(t, testServerConnectionIsLent) }

func testServerConnectionIsLent(t *testing.T, run starter) {
	t.Parallel()
	s := new(shelf)
	w := run(t, s.pooled(1), transactions)
	for range 3 {
		w.client.Query("commit")
		w.expect("CZ")
	}
	until(t, "given back", func() bool { return len(s.returned()) == 3 && !w.Attached() })
	w.client.Query("begin")
	w.expect("CZ")
	if !w.Attached() || !w.Busy() || len(s.returned()) != 3 {
		t.Error("given back within a transaction")
	}
	w.client.Query("select 1")
	w.expect("CZ")
	w.client.Query("commit")
	w.client.Query("begin") // both in one write
	w.client.Query("commit")
	w.expect("CZCZCZ")
	w.client.Terminate()
	w.silent()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
	for _, r := range s.returned() {
		if r != (Return{Status: 'I'}) {
			t.Errorf("given back as %+v", r)
		}
	}
	if n := len(w.server.Connections()); n != 1 {
		t.Errorf("%d server connections", n)
	}
	if strings.Contains(w.received(), "Terminate") {
		t.Error("the server was told goodbye")
	}
}

// Many clients take turns with few server connections, and each gets its own.
func TestManyClients(t *testing.T) { eachEngine(t, testManyClients) }

func testManyClients(t *testing.T, run starter) {
	t.Parallel()
	echo := func(c *pgtest.ServerConn) {
		for {
			m, ok := c.Receive().(*pgproto3.Query)
			if !ok {
				return
			}
			c.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(m.String)}}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
	}
	s := new(shelf)
	first := run(t, s.pooled(3), echo)
	worlds := []*world{first}
	for range 20 {
		one := s.pooled(0)
		worlds = append(worlds, run(t, one, echo))
	}
	var clients sync.WaitGroup
	for i, w := range worlds {
		if i > 0 {
			w.host.mu.Lock()
			w.host.try, w.host.attach = first.host.try, first.host.attach
			w.host.mu.Unlock()
		}
	}
	for i, w := range worlds {
		clients.Go(func() {
			for n := range 50 {
				text := strings.Repeat("x", i) + "/" + strings.Repeat("y", n)
				w.client.Query(text)
				if m := w.client.Read(); m.Type != 'D' || !strings.HasSuffix(string(m.Body), text) {
					t.Errorf("client %d got %q", i, m.Body)
					return
				}
				w.expect("CZ")
			}
		})
	}
	clients.Wait()
	if n := len(first.server.Connections()); n > 3 {
		t.Errorf("%d server connections", n)
	}
}

// A client that leaves without a word has what it left running canceled, and the
// server connection is given back in the state that it is in then.
// Promises: C79, F96, I1, I2.
func TestF96ClientLost(t *testing.T) { eachEngine(t, testF96ClientLost) }

func testF96ClientLost(t *testing.T, run starter) {
	t.Parallel()
	for name, test := range map[string]struct {
		before  string // what is sent and answered
		sent    []byte // and then sent
		want    Return
		cancels int
	}{
		"within a transaction": {before: "begin", want: Return{Status: 'T'}},
		"within a statement":   {sent: query("sleep"), want: Return{Status: 'I'}, cancels: 1},
		"within a message":     {before: "begin", sent: query(strings.Repeat("half a message", 3000))[:30000], want: Return{Broken: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(shelf)
			slept := make(chan struct{})
			pooled := s.pooled(1)
			use := pooled.host
			pooled.host = func(h *host) {
				use(h)
				h.cancel = func(Peer) error { close(slept); return nil }
			}
			arrived := make(chan struct{})
			w := run(t, pooled, func(c *pgtest.ServerConn) {
				status := byte('I')
				for {
					m, ok := c.Receive().(*pgproto3.Query)
					if !ok {
						return
					}
					switch m.String {
					case "begin":
						status = 'T'
					case "sleep":
						close(arrived)
						<-slept
					}
					c.Send(&pgproto3.CommandComplete{CommandTag: []byte("X")}, &pgproto3.ReadyForQuery{TxStatus: status})
				}
			})
			if test.before != "" {
				w.client.Query(test.before)
				w.expect("CZ")
			}
			in, _ := w.Bytes()
			w.client.Raw(test.sent)
			w.client.Write()
			until(t, "read", func() bool { n, _ := w.Bytes(); return n == in+int64(len(test.sent)) })
			if test.cancels > 0 {
				<-arrived
			}
			w.client.Conn().Close()
			if err := w.wait(); !errors.Is(err, ErrClientLost) {
				t.Error(err)
			}
			back := s.returned()
			if len(back) != 1 || back[0].Broken != test.want.Broken || !back[0].Broken && back[0] != test.want {
				t.Errorf("given back as %+v, want %+v", back, test.want)
			}
			w.host.mu.Lock()
			defer w.host.mu.Unlock()
			if w.host.canceled != test.cancels {
				t.Errorf("canceled %d times", w.host.canceled)
			}
		})
	}
}

func query(sql string) []byte {
	b, _ := (&pgproto3.Query{String: sql}).Encode(nil)
	return b
}

// A client that is gone while it waits gives its place up, and one that has none
// leaves nothing behind.
// Promises: J3.
func TestJ3ClientLostWithoutServer(t *testing.T) { eachEngine(t, testJ3ClientLostWithoutServer) }

func testJ3ClientLostWithoutServer(t *testing.T, run starter) {
	t.Parallel()
	s := new(shelf)
	busy := run(t, s.pooled(1), transactions)
	busy.client.Query("begin")
	busy.expect("CZ")
	idle, waits := run(t, s.pooled(0), transactions), run(t, s.pooled(0), transactions)
	waits.client.Query("select 1")
	waits.client.Write()
	until(t, "it waits", waits.Busy)
	for _, w := range []*world{idle, waits} {
		w.client.Conn().Close()
		if err := w.wait(); !errors.Is(err, ErrClientLost) {
			t.Error(err)
		}
	}
	busy.client.Query("commit")
	busy.expect("CZ")
	if back := s.returned(); len(back) > 1 {
		t.Errorf("given back %d times", len(back))
	}
}

// What only the server knows is asked before the client learns that its
// transaction is over; what comes meanwhile comes behind that.
func TestSettle(t *testing.T) { eachEngine(t, testSettle) }

func testSettle(t *testing.T, run starter) {
	t.Parallel()
	for name, tls := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(shelf)
			notice := pgtest.Message{Type: 'N', Body: []byte("SNOTICE\x00\x00")}.Append(nil)
			asked, proceed := make(chan string, 1), make(chan struct{})
			pooled := s.pooled(1)
			pooled.tls = tls
			use := pooled.host
			pooled.host = func(h *host) {
				use(h)
				h.ask = func(peer Peer, sql string, early []byte) (Answer, error) {
					if _, err := peer.Write(query("our question")); err != nil {
						return Answer{}, err
					}
					half := len(notice) / 2 // of what comes behind; the rest stays on the way
					b := make([]byte, 7+2+6+half)
					_, err := io.ReadFull(peer, b)
					asked <- sql
					<-proceed
					return Answer{Asides: append(early, notice...), Behind: b[len(b)-half:]}, err
				}
			}
			w := run(t, pooled, func(c *pgtest.ServerConn) {
				for {
					q, ok := c.Receive().(*pgproto3.Query)
					if !ok {
						return
					}
					c.Send(&pgproto3.CommandComplete{CommandTag: []byte("OK!")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
					if q.String == "our question" {
						c.Raw(notice)
					}
				}
			})
			w.client.Query("listen x")
			w.expect("C")
			if sql := <-asked; !strings.Contains(sql, "pg_listening_channels") {
				t.Errorf("asked %q", sql)
			}
			if !w.Busy() {
				t.Error("not busy")
			}
			close(proceed)
			w.expect("NZN")
			until(t, "given back", func() bool { return len(s.returned()) == 1 })
			w.client.Query("select 1")
			w.expect("CZ")
		})
	}
}

// A server that cannot be asked any more has nothing to say to anybody; one that
// only refuses to answer goes on.
func TestSettleFails(t *testing.T) { eachEngine(t, testSettleFails) }

func testSettleFails(t *testing.T, run starter) {
	t.Parallel()
	for name, answers := range map[string]error{"refused": ErrRefused, "broken": io.ErrUnexpectedEOF} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(shelf)
			pooled := s.pooled(1)
			use := pooled.host
			pooled.host = func(h *host) {
				use(h)
				h.ask = func(Peer, string, []byte) (Answer, error) { return Answer{}, answers }
			}
			w := run(t, pooled, answerShort)
			w.client.Query("listen x")
			if answers != ErrRefused {
				w.fatal(wire.ConnectionFailure)
				until(t, "given back as broken", func() bool {
					back := s.returned()
					return len(back) == 1 && back[0].Broken
				})
				return
			}
			w.expect("CZ")
			w.client.Query("select 1")
			w.expect("CZ")
			if len(s.returned()) > 0 {
				t.Error("given back although nobody knows what is on it")
			}
		})
	}
}

// answerShort answers in 15 bytes.
func answerShort(c *pgtest.ServerConn) {
	for {
		if _, ok := c.Receive().(*pgproto3.Query); !ok {
			return
		}
		c.Send(&pgproto3.CommandComplete{CommandTag: []byte("OK!")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}

func TestChangedWhilePooled(t *testing.T) { eachEngine(t, testChangedWhilePooled) }

func testChangedWhilePooled(t *testing.T, run starter) {
	t.Parallel()
	s := new(shelf)
	told, proceed := make(chan struct{}), make(chan struct{})
	pooled := s.pooled(1)
	use := pooled.host
	pooled.host = func(h *host) {
		use(h)
		tell := sync.OnceFunc(func() { close(told) })
		h.changed = func(relay.Effects) { tell(); <-proceed }
	}
	w := run(t, pooled, answer)
	w.client.Query("alter role app password 'x'")
	w.client.Query("select 1") // comes meanwhile
	w.expect("C")
	<-told
	if len(s.returned()) > 0 {
		t.Error("given back before the host knew")
	}
	close(proceed)
	w.expect("ZCZ")
	until(t, "given back", func() bool { return len(s.returned()) > 0 && !w.Attached() })
}

// Ended at once, in whatever state.
func TestEndWhilePooled(t *testing.T) { eachEngine(t, testEndWhilePooled) }

func testEndWhilePooled(t *testing.T, run starter) {
	t.Parallel()
	for name, test := range map[string]struct {
		sql  string
		want []Return
	}{
		"idle":        {"select 1", []Return{{Status: 'I'}}},
		"transaction": {"begin", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(shelf)
			w := run(t, s.pooled(1), transactions)
			w.client.Query(test.sql)
			w.expect("CZ")
			w.End(errEnding)
			w.fatal(wire.AdminShutdown)
			if err := w.wait(); err != errEnding {
				t.Error(err)
			}
			if back := s.returned(); len(back) != 1 || test.want != nil && !slices.Equal(back, test.want) {
				t.Errorf("given back as %+v", back)
			}
		})
	}
}

// As TestC78FullDuplex, with a pool and with little room in the sockets.
// Promises: C78.
func TestC78SmallSockets(t *testing.T) { eachEngine(t, testC78SmallSockets) }

func testC78SmallSockets(t *testing.T, run starter) {
	t.Parallel()
	for name, tls := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(shelf)
			pooled := s.pooled(1)
			pooled.tls = tls
			pooled.conn = func(c net.Conn) {
				c.(*net.TCPConn).SetWriteBuffer(4096)
			}
			w := run(t, pooled, bulk(100_000))
			w.pump(50, 10_000, 100_000)
			w.client.Terminate()
			w.silent()
			if err := w.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
