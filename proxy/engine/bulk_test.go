package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/relay"
)

// rowAnswer is an answer with a row of so many bytes.
func rowAnswer(size int) []byte {
	var answer []byte
	for _, m := range []pgproto3.BackendMessage{
		&pgproto3.DataRow{Values: [][]byte{bytes.Repeat([]byte{'x'}, size)}},
		&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")},
		&pgproto3.ReadyForQuery{TxStatus: 'I'},
	} {
		answer, _ = m.Encode(answer)
	}
	return answer
}

// bulk is a server that answers every Query like that, and reads no further
// before the answer is written, as PostgreSQL does.
func bulk(size int) func(*pgtest.ServerConn) {
	answer := rowAnswer(size)
	return func(c *pgtest.ServerConn) {
		for {
			if _, ok := c.Receive().(*pgproto3.Query); !ok {
				return
			}
			c.Raw(answer)
		}
	}
}

// pump sends queries of so many bytes and reads answers of so many meanwhile.
func (w *world) pump(queries, size, answers int) {
	w.t.Helper()
	var sending sync.WaitGroup
	sending.Go(func() {
		b, _ := (&pgproto3.Query{String: "--" + string(bytes.Repeat([]byte{'x'}, size))}).Encode(nil)
		for range queries {
			if _, err := w.client.Conn().Write(b); err != nil {
				w.t.Error(err)
				return
			}
		}
	})
	want := rowAnswer(answers)
	got := make([]byte, len(want))
	for range queries {
		if _, err := io.ReadFull(w.client.Conn(), got); err != nil || !bytes.Equal(got, want) {
			w.t.Fatalf("the client got something else: %v", err)
		}
	}
	sending.Wait()
}

// Both sides write as much as they can before they read: whoever relays one
// direction at a time, or waits for an answer, stands still for ever. The buffers
// are no reason to hold more than they are.
//
// Not parallel: it looks at what memory is in use.
// Promises: C78, G120.
func TestC78FullDuplex(t *testing.T) { eachEngine(t, testC78FullDuplex) }

func testC78FullDuplex(t *testing.T, run starter) {
	w := run(t, setup{}, bulk(100_000))
	w.pump(10, 1000, 100_000)
	before := heap()
	w.pump(5_000, 1000, 100_000)
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("%d bytes more in use halfway", grown)
	}
	w.pump(5_000, 1000, 100_000)
	w.client.Terminate()
	w.silent()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// Promises: C77.
func TestC77LargeMessages(t *testing.T) { eachEngine(t, testC77LargeMessages) }

func testC77LargeMessages(t *testing.T, run starter) {
	t.Parallel()
	for name, s := range map[string]setup{"plain": {}, "TLS": {tls: true}, "waiting": {alone: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, s, bulk(3<<20))
			w.pump(4, 3<<20, 3<<20)
		})
	}
}

// The connections may hand over as little at a time as they like.
// Promises: A6.
func TestA6SlicedReads(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, s setup, script func(*pgtest.ServerConn)) *world {
		return start(t, newGoroutines(t), s, script) // a loop cannot take such a connection
	}
	for _, size := range []int{1, 3, 7} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			sliced := pgtest.Faults{ReadSize: size, WriteSize: size}
			w := run(t, setup{alone: true, host: func(h *host) {
				plain := h.connect
				h.connect = func() Peer {
					p := plain()
					p.Conn = sliced.Conn(p.Conn)
					return p
				}
			}}, answer)
			for range 20 {
				w.client.Query("select 1")
				w.expect("CZ")
			}
		})
	}
}

// The network may deliver as little at a time as it likes.
// Promises: A6.
func TestA6SlicedArrival(t *testing.T) { eachEngine(t, testA6SlicedArrival) }

func testA6SlicedArrival(t *testing.T, run starter) {
	t.Parallel()
	answer := rowAnswer(40)
	for name, s := range map[string]setup{
		"session": {writeSize: 1}, "transaction": {writeSize: 1, alone: true, pool: new(relay.Config)}, "TLS": {writeSize: 1, tls: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, s, func(c *pgtest.ServerConn) {
				for {
					if _, ok := c.Receive().(*pgproto3.Query); !ok {
						return
					}
					for i := range answer {
						c.Raw(answer[i : i+1])
						runtime.Gosched()
					}
				}
			})
			for range 20 {
				w.client.Query("select 1")
				w.expect("DCZ")
			}
		})
	}
}

// Over TLS the wait for a server reads along as well, and stops without harm.
func TestTLSClient(t *testing.T) { eachEngine(t, testTLSClient) }

func testTLSClient(t *testing.T, run starter) {
	t.Parallel()
	w, release, _ := waiting(t, run, setup{tls: true})
	w.client.Query("select 1")
	w.begin()
	w.client.Query("select 2") // comes while it waits
	w.client.Write()
	release()
	w.expect("CZCZ")
	w.client.Query("select 3")
	w.expect("CZ")
	w.client.Terminate()
	w.silent()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
}

// A TLS client that vanishes without close_notify is a client that has left.
// Promises: A24.
func TestA24TLSEnd(t *testing.T) { eachEngine(t, testA24TLSEnd) }

func testA24TLSEnd(t *testing.T, run starter) {
	t.Parallel()
	for _, alone := range []bool{true, false} {
		w := run(t, setup{tls: true, alone: alone}, answer)
		w.client.Sync()
		w.expect("Z")
		w.client.Conn().(interface{ NetConn() net.Conn }).NetConn().Close()
		if err := w.wait(); err != nil && !errors.Is(err, ErrClientLost) {
			t.Error(err)
		}
	}
}
