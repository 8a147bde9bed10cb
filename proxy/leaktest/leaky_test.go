package leaktest_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/leaktest"
	"postern/proxy/pgtest"
)

// leaky is a pooler that lends server connections for a transaction and cares
// for nothing else. It asks for no password.
type leaky struct {
	t       *testing.T
	dsn     string
	idle    chan *pgconn.PgConn
	mu      sync.Mutex
	lent    map[uint32]*pgconn.PgConn // under mu: by the pid that the client knows
	lastPID uint32                    // under mu
}

// startLeaky starts one with so many server connections.
func startLeaky(t *testing.T, dsn string, size int) (address string) {
	t.Helper()
	p := &leaky{t: t, dsn: dsn, idle: make(chan *pgconn.PgConn, size), lent: map[uint32]*pgconn.PgConn{}}
	for range size {
		p.connect()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { defer conn.Close(); p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
		close(p.idle)
		for server := range p.idle {
			server.Conn().Close()
		}
	})
	return listener.Addr().String()
}

// connect puts a new server connection into the pool.
func (p *leaky) connect() {
	ctx := context.WithoutCancel(p.t.Context())
	conn, err := pgconn.Connect(ctx, p.dsn)
	if err == nil {
		err = conn.SyncConn(ctx) // else pgconn may still read what is for us
	}
	if err != nil {
		p.t.Errorf("connect leaky pooler: %v", err)
		return
	}
	p.idle <- conn
}

func (p *leaky) serve(conn net.Conn) {
	startup, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage()
	if err != nil {
		return
	}
	if cancel, ok := startup.(*pgproto3.CancelRequest); ok {
		p.mu.Lock()
		server := p.lent[cancel.ProcessID]
		p.mu.Unlock()
		if server != nil {
			_ = server.CancelRequest(p.t.Context())
		}
		return
	}
	p.mu.Lock()
	p.lastPID++
	s := &leakySession{pooler: p, pid: p.lastPID, client: conn, reader: bufio.NewReader(conn)}
	p.mu.Unlock()
	greeting := encode(&pgproto3.AuthenticationOk{},
		&pgproto3.BackendKeyData{ProcessID: s.pid, SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	if _, err := conn.Write(greeting); err == nil {
		s.run()
	}
}

func encode(messages ...pgproto3.BackendMessage) []byte {
	var b []byte
	for _, m := range messages {
		b, _ = m.Encode(b)
	}
	return b
}

// leakySession is a client of the leaky pooler.
type leakySession struct {
	pooler  *leaky
	pid     uint32
	client  net.Conn
	reader  *bufio.Reader
	relays  sync.WaitGroup
	mu      sync.Mutex
	server  *pgconn.PgConn // under mu: nil between transactions
	pending int            // under mu: ReadyForQuerys to come
}

// run passes on what the client says.
func (s *leakySession) run() {
	for {
		tag, message, err := readMessage(s.reader)
		if err != nil || tag == 'X' {
			break
		}
		s.mu.Lock()
		if s.server == nil {
			s.borrow(<-s.pooler.idle)
		}
		if tag == 'Q' || tag == 'S' {
			s.pending++
		}
		_, err = s.server.Conn().Write(message)
		s.mu.Unlock()
		if err != nil {
			break
		}
	}
	s.mu.Lock()
	abandoned := s.server
	s.mu.Unlock()
	if abandoned != nil {
		abandoned.Conn().Close()
	}
	s.relays.Wait()
	if s.server != nil {
		s.lend(nil)
		s.pooler.connect()
	} else if abandoned != nil { // given back just before it was closed: take it out again
		s.pooler.replace(abandoned)
	}
}

// replace exchanges a connection in the pool that is closed.
func (p *leaky) replace(closed *pgconn.PgConn) {
	for range cap(p.idle) {
		select {
		case conn := <-p.idle:
			if conn == closed {
				p.connect()
				return
			}
			p.idle <- conn
		default:
		}
	}
}

func (s *leakySession) borrow(server *pgconn.PgConn) {
	s.lend(server)
	s.relays.Go(func() { s.relay(server) })
}

func (s *leakySession) lend(server *pgconn.PgConn) {
	s.server = server
	s.pooler.mu.Lock()
	s.pooler.lent[s.pid] = server
	s.pooler.mu.Unlock()
}

// relay passes on what the server says, up to the transaction's end.
func (s *leakySession) relay(server *pgconn.PgConn) {
	for {
		tag, message, err := readMessage(server.Conn())
		if err != nil {
			s.client.Close()
			return
		}
		_, _ = s.client.Write(message)
		if tag != 'Z' {
			continue
		}
		s.mu.Lock()
		if s.pending--; s.pending == 0 && message[5] == 'I' {
			s.lend(nil)
			s.pooler.idle <- server
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// readMessage reads one message with its header.
func readMessage(r io.Reader) (tag byte, message []byte, err error) {
	header := make([]byte, 5)
	if _, err := io.ReadFull(r, header); err != nil {
		return 0, nil, err
	}
	message = make([]byte, 1+binary.BigEndian.Uint32(header[1:]))
	copy(message, header)
	_, err = io.ReadFull(r, message[5:])
	return header[0], message, err
}

// TestLeakyPooler proves that what leaks is found.
func TestLeakyPooler(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	direct := newTenants(t, pg, 2)
	counts := map[leaktest.Kind]int{}
	for _, noPrepared := range []bool{false, true} {
		// A fresh pooler each time: what clients have left in one may keep the next
		// from being answered.
		tenants := slices.Clone(direct)
		for i, tenant := range tenants {
			address := startLeaky(t, tenant.DSN, 2)
			tenants[i].DSN = fmt.Sprintf("postgres://anybody@%s/anything?sslmode=disable", address)
		}
		report, err := leaktest.Run(t.Context(), leaktest.Config{Tenants: tenants, Clients: 16, Actions: 100, Duration: time.Minute, Timeout: 2 * time.Second, NoPrepared: noPrepared})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("NoPrepared %v: %v", noPrepared, report)
		for kind, n := range report.Counts {
			counts[kind] += n
		}
	}
	for _, kind := range []leaktest.Kind{
		"foreign setting", "lost setting", "foreign prepared statement", "lost prepared statement",
		"foreign temporary table", "foreign advisory lock", "foreign cursor", "foreign listen",
	} {
		if counts[kind] == 0 {
			t.Errorf("no violation of the kind %q was found", kind)
		}
	}
}
