//go:build linux

package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"postern/proxy/pgtest"
	"postern/proxy/relay"
)

// rig is a loop, or the goroutine engine, with clients and servers that cost as
// little as possible.
type rig struct {
	t      testing.TB
	engine engine
	shelf  shelf
	host   *host
	over   sync.WaitGroup
}

// newRig has so many server connections, which answer as serve does.
func newRig(t testing.TB, e engine, servers int, serve func(net.Conn)) *rig {
	r := &rig{t: t, engine: e, host: new(host)}
	r.shelf.use(r.host, 0)
	for range servers {
		ours, theirs := connection(t)
		go func() {
			defer theirs.Close()
			serve(theirs)
		}()
		ours = e.wrap(ours)
		t.Cleanup(func() { ours.Close() })
		r.shelf.free = append(r.shelf.free, Peer{Conn: ours, Server: new(relay.Server), Lease: ours})
	}
	release := r.host.release
	r.host.release = func(p Peer, returned Return) {
		release(p, returned)
		if len(r.shelf.back) > 100 {
			r.shelf.back = r.shelf.back[:0]
		}
	}
	return r
}

// client returns the client's end of a conversation in transaction mode.
func (r *rig) client() net.Conn {
	ours, theirs := connection(r.t)
	c := r.engine.make(r.engine.wrap(ours), bare{r.host}, func(s *relay.Session) { s.Pool(new(relay.Config), relay.Settings{}) })
	r.over.Add(1)
	c.Start(func(error) { r.over.Done() })
	return theirs
}

// close ends the conversations whose clients are these.
func (r *rig) close(clients ...net.Conn) {
	for _, c := range clients {
		c.Close()
	}
	r.over.Wait()
}

// bare is a host that keeps no count.
type bare struct{ *host }

func (b bare) Release(peer Peer, returned Return) { b.release(peer, returned) }

var pingQuery, pong = query("select 1"), rowAnswer(1)

// ponger answers each read of a whole pingQuery.
func ponger(conn net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return
		}
		for range n / len(pingQuery) {
			conn.Write(pong)
		}
	}
}

// ping sends a query and reads its answer.
func ping(conn net.Conn, b []byte) error {
	if _, err := conn.Write(pingQuery); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, b[:len(pong)])
	return err
}

// Promises: G119.
func TestLoopDoesNotAllocate(t *testing.T) {
	r := newRig(t, newLoopEngine(t), 1, ponger)
	conn := r.client()
	defer r.close(conn)
	b := make([]byte, len(pong))
	for range 100 {
		if err := ping(conn, b); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { ping(conn, b) }); n > 0 {
		t.Errorf("%v allocations a transaction", n)
	}
	if !bytes.Equal(b, pong) {
		t.Errorf("got %q", b)
	}
}

// What a client costs that does nothing.
// Promises: G119.
func TestLoopRecord(t *testing.T) {
	size := unsafe.Sizeof(LoopConversation{}) + unsafe.Sizeof(Socket{}) + unsafe.Sizeof((*Socket)(nil))
	relay := unsafe.Sizeof(relay.Session{})
	t.Logf("%d bytes, %d of them the relay's", size, relay)
	if size-relay > 400 {
		t.Errorf("%d bytes besides the relay's", size-relay)
	}
}

// A client that gets a large result does not hold up another.
// Promises: G116.
func TestG116Fairness(t *testing.T) {
	t.Parallel()
	enough := make(chan struct{})
	e := newLoopEngine(t)
	large := newRig(t, e, 1, func(conn net.Conn) {
		b := make([]byte, 4096)
		conn.Read(b)
		row := bytes.Repeat(rowAnswer(1000)[:1000+5+6], 200)
		for {
			select {
			case <-enough:
				conn.Write(pong)
				return
			default:
				if _, err := conn.Write(row); err != nil {
					return
				}
			}
		}
	})
	small := newRig(t, e, 1, ponger)
	flooded, quick := large.client(), small.client()
	flooded.Write(pingQuery)
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 1<<20)
		for {
			n, err := flooded.Read(b)
			if err != nil || bytes.HasSuffix(b[:n], pong[len(pong)-6:]) {
				return
			}
		}
	}()
	b := make([]byte, len(pong))
	quick.SetDeadline(time.Now().Add(time.Minute))
	for range 2000 {
		if err := ping(quick, b); err != nil {
			t.Fatal(err)
		}
	}
	close(enough)
	<-read
	large.close(flooded)
	small.close(quick)
}

// However conversations end, no descriptor is left behind.
func TestLoopLeavesNoDescriptors(t *testing.T) {
	before := descriptors(t)
	t.Run("", func(t *testing.T) {
		e := newLoopEngine(t)
		for i := range 60 {
			s := new(shelf)
			one := s.pooled(1)
			one.tls = i%2 == 0
			w := start(t, e, one, transactions)
			switch i % 6 {
			case 0, 1:
				w.client.Terminate()
				w.client.Write()
			case 2, 3:
				w.client.Query("begin")
				w.expect("CZ")
				w.client.Conn().Close()
			case 4:
				w.client.Query("commit")
				w.expect("CZ")
				w.End(errEnding)
			case 5:
				w.client.Query("begin")
				w.client.Write()
				w.EndWhenIdle(errEnding)
				w.client.Query("commit")
				w.client.ReadUntilClosed()
			}
			w.wait()
		}
	})
	until(t, "as many descriptors as before", func() bool { return len(descriptors(t)) <= len(before) })
}

func descriptors(t *testing.T) []string {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range all {
		names = append(names, one.Name())
	}
	return names
}

// The end of a server connection that nobody uses is noticed, and so is what it
// says; one that is there for longer is told of once more at most.
// Promises: F106.
func TestF106IdleServer(t *testing.T) {
	t.Parallel()
	told := make(chan any, 100)
	loop := newLoop(t, LoopConfig{Idle: func(lease any) { told <- lease }})
	e := onLoop(loop)
	speak, end := make(chan struct{}), make(chan struct{})
	r := newRig(t, e, 1, func(conn net.Conn) {
		b := make([]byte, 4096)
		conn.Read(b)
		conn.Write(pong)
		<-speak
		conn.Write(pgtest.Message{Type: 'N', Body: []byte("SNOTICE\x00\x00")}.Append(nil))
		<-end
	})
	conn := r.client()
	if err := ping(conn, make([]byte, len(pong))); err != nil {
		t.Fatal(err)
	}
	until(t, "given back", func() bool { return len(r.shelf.returned()) == 1 })
	if len(told) > 0 {
		t.Error("told of nothing")
	}
	close(speak)
	lease := <-told
	server := lease.(net.Conn)
	b := make([]byte, 100)
	if n, err := server.Read(b); err != nil || b[0] != 'N' {
		t.Errorf("the idle connection reads %q, %v", b[:n], err)
	}
	until(t, "told once more at most", func() bool { return len(told) <= 1 })
	for len(told) > 0 {
		<-told
	}
	close(end)
	<-told
	if n, err := server.Read(b); err != io.EOF {
		t.Errorf("the idle connection reads %q, %v", b[:n], err)
	}
	r.close(conn)
}

// So is the end of one that was put in order by somebody else before it became
// idle.
// Promises: F106.
func TestF106RecoveredServer(t *testing.T) {
	t.Parallel()
	told := make(chan any, 100)
	loop := newLoop(t, LoopConfig{Idle: func(lease any) { told <- lease }})
	e := onLoop(loop)
	end := make(chan struct{})
	r := newRig(t, e, 1, func(conn net.Conn) {
		b := make([]byte, 4096)
		conn.Read(b)
		conn.Write(append(rowAnswer(1)[:len(pong)-1], 'T')) // within a transaction
		conn.Read(b)
		time.Sleep(20 * time.Millisecond) // so that ROLLBACK waits
		conn.Write(pong)
		<-end
	})
	recovered := make(chan error)
	r.host.release = func(p Peer, returned Return) {
		go func() { // as the proxy does it
			_, err := p.Write(query("ROLLBACK"))
			if err == nil {
				_, err = io.ReadFull(p, make([]byte, len(pong)))
			}
			recovered <- err
		}()
	}
	conn := r.client()
	if err := ping(conn, make([]byte, len(pong))); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := <-recovered; err != nil {
		t.Fatal(err)
	}
	for len(told) > 0 { // while it was in use
		<-told
	}
	close(end)
	select {
	case <-told:
	case <-time.After(20 * time.Second):
		t.Error("its end was not noticed")
	}
	r.close()
}

// A connection that the loop has lent waits, times out and ends like any other.
func TestLentSocket(t *testing.T) {
	t.Parallel()
	loop := newLoop(t, LoopConfig{})
	ours, theirs := connection(t)
	socket := Wrap(ours).(*Socket)
	remote := socket.RemoteAddr().String()
	taken := make(chan error)
	loop.loops[0].post(func() { taken <- socket.take(loop.loops[0]) })
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	if got := socket.RemoteAddr().String(); got != remote {
		t.Errorf("the address was %s and is %s", remote, got)
	}
	b := make([]byte, 100)
	go func() {
		time.Sleep(20 * time.Millisecond)
		theirs.Write([]byte("hello"))
	}()
	if n, err := socket.Read(b); string(b[:n]) != "hello" || err != nil {
		t.Fatalf("read %q, %v", b[:n], err)
	}
	socket.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := socket.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	socket.SetReadDeadline(time.Time{})
	for _, interrupt := range []func(){
		func() { socket.SetDeadline(time.Unix(1, 0)) },
		func() { socket.Close() },
	} {
		go func() {
			time.Sleep(20 * time.Millisecond)
			interrupt()
		}()
		_, err := socket.Read(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		socket.SetDeadline(time.Time{})
	}
	if n, err := theirs.Read(b); err != io.EOF {
		t.Errorf("behind the close: %q, %v", b[:n], err)
	}
	// A write of more than the buffers hold.
	ours, theirs = connection(t)
	socket = Wrap(ours).(*Socket)
	loop.loops[0].post(func() { taken <- socket.take(loop.loops[0]) })
	<-taken
	go func() {
		socket.Write(make([]byte, 32<<20))
		socket.CloseWrite()
	}()
	if n, err := io.Copy(io.Discard, theirs); n != 32<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	socket.Close()
}

// Unix-domain connections live on the loop as well.
func TestUnixServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("unix", t.TempDir()+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			ponger(conn)
			conn.Close()
		}
	}()
	conn, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server := Wrap(conn)
	defer server.Close()
	r := newRig(t, newLoopEngine(t), 0, nil)
	r.shelf.free = append(r.shelf.free, Peer{Conn: server, Server: new(relay.Server)})
	client := r.client()
	for range 10 {
		if err := ping(client, make([]byte, len(pong))); err != nil {
			t.Fatal(err)
		}
	}
	r.close(client)
}

// Close ends what is left, and waits for it.
func TestCloseLoop(t *testing.T) {
	t.Parallel()
	loop, err := NewLoop(LoopConfig{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	e := onLoop(loop)
	var worlds []*world
	for range 5 {
		s := new(shelf)
		w := start(t, e, s.pooled(1), transactions)
		w.client.Query("begin")
		w.expect("CZ")
		worlds = append(worlds, w)
	}
	loop.Close()
	loop.Close()
	for _, w := range worlds {
		if err := w.wait(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// Bytes of a statement that is cut into TLS records of any size.
func TestTLSBulk(t *testing.T) { eachEngine(t, testTLSBulk) }

func testTLSBulk(t *testing.T, run starter) {
	t.Parallel()
	s := new(shelf)
	pooled := s.pooled(1)
	pooled.tls = true
	w := run(t, pooled, bulk(100_000))
	w.pump(300, 20_000, 100_000)
}

func BenchmarkPing(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("goroutine/%d", clients), func(b *testing.B) { benchmarkPing(b, newGoroutines(nil), clients) })
		b.Run(fmt.Sprintf("loop/%d", clients), func(b *testing.B) { benchmarkPing(b, onLoop(newLoop(b, LoopConfig{})), clients) })
	}
}

// onLoop is the engine that uses this loop.
func onLoop(loop *Loop) engine {
	return engine{wrap: Wrap, make: func(client net.Conn, host Host, session func(*relay.Session)) conversation {
		return loop.New("", client, host, session)
	}}
}

func benchmarkPing(b *testing.B, e engine, clients int) {
	r := newRig(b, e, min(clients, 8), ponger)
	var conns []net.Conn
	for range clients {
		conns = append(conns, r.client())
	}
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for _, conn := range conns {
		all.Go(func() {
			buffer := make([]byte, len(pong))
			for range b.N/clients + 1 {
				if err := ping(conn, buffer); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	r.close(conns...)
}

// BenchmarkIdle tells what an idle client costs in memory.
func BenchmarkIdle(b *testing.B) {
	r := newRig(b, onLoop(newLoop(b, LoopConfig{})), 1, ponger)
	var conns []net.Conn
	before := heap()
	for range 2000 {
		conn := r.client()
		if err := ping(conn, make([]byte, len(pong))); err != nil {
			b.Fatal(err)
		}
		conns = append(conns, conn)
	}
	runtime.GC()
	b.ReportMetric(float64(heap()-before)/2000, "B/client")
	r.close(conns...)
}
