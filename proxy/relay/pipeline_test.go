package relay

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/proxy/pgtest"
)

// seedVariable repeats the random tests with the seed that a failure has shown.
const seedVariable = "POSTERN_TEST_SEED"

// seed is a new one each time, unless one is asked for.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := rand.Uint64()
	if given := os.Getenv(seedVariable); given != "" {
		var err error
		if n, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("repeat this with %s=%d", seedVariable, n)
	return n
}

// A session must know at any time whether PostgreSQL still owes an answer:
// random pipelines, valid and not, are sent to real servers, and when the answer
// to the last message has come the session must be idle exactly if the server
// says so, and never before.
// Promises: C51.
func TestC51IdleAsPostgreSQLSays(t *testing.T) {
	t.Parallel()
	first := seed(t)
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major})
		for stream := range uint64(6) {
			t.Run(fmt.Sprint(stream), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(first, stream))
				var w *witness
				for number := range 200 {
					if w == nil || w.session.pending.doubt { // that one has nothing more to prove
						w = newWitness(t, pg)
					}
					w.round(number, &pipeline{Rand: random})
				}
			})
		}
	})
}

// witness is a session that sees what passes between a client and a server.
type witness struct {
	t      *testing.T
	conn   net.Conn
	reader *bufio.Reader

	mu      sync.Mutex
	session Session // under mu
	shown   bool    // under mu: the session has seen all that the client sends
}

func newWitness(t *testing.T, pg *pgtest.Postgres) *witness {
	c := pgtest.Connect(t, pg.Target("app", "app"))
	c.Query("create temp table t (i int4)")
	c.ReadUntilReady()
	w := &witness{t: t, conn: c.Conn(), reader: bufio.NewReader(c.Conn())}
	w.session.Attached(nil)
	return w
}

// round sends a pipeline and something whose answer can be recognised in any
// state of a session: a syntax error.
func (w *witness) round(number int, p *pipeline) {
	w.t.Helper()
	marker := fmt.Sprintf("marker_%d", number)
	p.build()
	p.send(message('S', ""))
	p.send(queryMessage("select")) // see pipeline.transaction: it may fail with XX000
	p.send(queryMessage(marker))
	w.conn.SetDeadline(time.Now().Add(time.Minute))
	w.shown = false

	var sending sync.WaitGroup
	sending.Go(func() { w.send(p) })
	status, err := w.receive(marker)
	sending.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.session
	switch {
	case err != nil:
	case p.ambiguous && s.pending.doubt:
	case s.Idle() != (status == 'I'), s.Waiting():
		err = fmt.Errorf("the server says %q; idle is %v, waiting %v", status, s.Idle(), s.Waiting())
	}
	if err != nil {
		w.t.Fatalf("%v\n%s", err, strings.Join(p.text, "\n"))
	}
}

func (w *witness) send(p *pipeline) {
	for i, b := range p.parts {
		w.mu.Lock()
		step, err := w.session.FromClient(b)
		w.shown = i == len(p.parts)-1
		w.mu.Unlock()
		if err != nil || step.Forward != len(b) {
			w.t.Errorf("part %d: %+v, %v", i, step, err)
		}
		if _, err := w.conn.Write(b); err != nil {
			w.t.Errorf("part %d: %v", i, err)
			return
		}
		if p.pauses[i] { // now and then the server gets ahead
			time.Sleep(time.Duration(p.IntN(500)) * time.Microsecond)
		} else {
			runtime.Gosched()
		}
	}
}

// receive shows the session what the server says, up to the answer to marker.
func (w *witness) receive(marker string) (status byte, err error) {
	for found := false; ; {
		head := make([]byte, 5)
		if _, err := io.ReadFull(w.reader, head); err != nil {
			return 0, err
		}
		b := append(head, make([]byte, binary.BigEndian.Uint32(head[1:])-4)...)
		if _, err := io.ReadFull(w.reader, b[5:]); err != nil {
			return 0, err
		}
		found = found || b[0] == 'E' && bytes.Contains(b, []byte(marker))
		last := found && b[0] == 'Z'

		w.mu.Lock()
		early := w.shown && w.session.Idle()
		step, err := w.session.FromServer(b)
		for step.Pause == Changed && err == nil {
			step, err = w.session.FromServer(b)
		}
		early = early || !last && w.shown && w.session.Idle()
		w.mu.Unlock()
		switch {
		case err != nil || step.Forward != len(b):
			return 0, fmt.Errorf("server's %c: %+v, %v", b[0], step, err)
		case early:
			return 0, fmt.Errorf("idle at the server's %q, before all was answered", b)
		case last:
			return b[5], nil
		}
	}
}
