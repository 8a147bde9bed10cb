package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// parks starts a conversation in session mode whose host parks as told.
func parks(t *testing.T, script func(*pgtest.ServerConn), park func(peer Peer, early []byte) (Answer, bool, error)) (*world, *Conversation) {
	t.Helper()
	w := start(t, newGoroutines(t), setup{borrow: true, host: func(h *host) { h.park = park }}, script)
	return w, w.conversation.(goroutines).Conversation
}

// notice is a message that a server may send at any time.
var notice = pgtest.Message{Type: 'N', Body: []byte("SNOTICE\x00C00000\x00Mhello\x00\x00")}.Append(nil)

func TestPark(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	w, c := parks(t, answer, func(_ Peer, early []byte) (Answer, bool, error) {
		asked <- struct{}{}
		return Answer{Asides: notice}, true, nil
	})
	w.client.Query("select 1")
	w.expect("CZ")
	c.Park()
	<-asked
	w.expect("N")
	until(t, "it is parked", func() bool { return !w.Attached() })
	if w.Busy() || len(w.backs()) > 0 {
		t.Error("busy, or given back twice")
	}
	c.Park() // there is nothing to be parked
	w.client.Query("select 2")
	w.expect("CZ")
	if w.host.asked() != 1 {
		t.Errorf("asked for a server connection %d times", w.host.asked())
	}
	<-asked // by the second Park, now that there is one
	until(t, "it is parked again", func() bool { return !w.Attached() })
	w.client.Terminate()
	w.expect("N")
	w.silent()
	if err := w.wait(); err != nil || len(w.backs()) > 0 {
		t.Error(err, w.backs())
	}
}

// What the server has said when it is asked, and behind the answer, is relayed byte
// for byte, wherever it is cut.
func TestParkNot(t *testing.T) {
	t.Parallel()
	for cut := range len(notice) {
		rest := make(chan struct{})
		asked := make(chan []byte, 1)
		w, c := parks(t, func(c *pgtest.ServerConn) {
			c.Receive()
			c.Send(&pgproto3.CommandComplete{CommandTag: []byte("X")})
			c.Raw(append([]byte{'Z', 0, 0, 0, 5, 'I'}, notice[:cut]...))
			<-rest
			c.Raw(notice[cut:])
			answer(c)
		}, func(_ Peer, early []byte) (Answer, bool, error) {
			asked <- append([]byte(nil), early...)
			return Answer{Asides: notice, Behind: early}, false, nil
		})
		w.client.Query("select 1")
		w.expect("CZ")
		c.Park()
		if cut < 5 { // else it waits for the whole message
			if early := <-asked; len(early) != cut {
				t.Errorf("asked with %d bytes, there were %d", len(early), cut)
			}
			w.expect("N")
			close(rest)
			w.expect("N")
		} else {
			close(rest)
			w.expect("N")
			if early := <-asked; len(early) > 0 {
				t.Errorf("asked with %d bytes in the middle of a message", len(early))
			}
			w.expect("N")
		}
		w.client.Query("select 2")
		w.expect("CZ")
		if w.host.asked() > 0 {
			t.Error("asked for another server connection")
		}
	}
}

// A server connection that breaks while it is asked ends the session.
func TestParkBreaks(t *testing.T) {
	t.Parallel()
	w, c := parks(t, answer, func(Peer, []byte) (Answer, bool, error) { return Answer{}, false, errors.New("broken") })
	w.client.Query("select 1")
	w.expect("CZ")
	c.Park()
	w.fatal("08006")
	if err := w.wait(); !errors.Is(err, ErrServerLost) {
		t.Error(err)
	}
	if backs := w.backs(); len(backs) != 1 || !backs[0].Broken {
		t.Errorf("it came back %+v", backs)
	}
}

// A session that is ended while it is being parked ends, parked or not, and its
// server connection comes back once.
func TestParkAndEnd(t *testing.T) {
	t.Parallel()
	for _, parked := range []bool{false, true} {
		for name, end := range map[string]func(*world){
			"at once":   func(w *world) { w.End(errEnding) },
			"when idle": func(w *world) { w.EndWhenIdle(errEnding) },
		} {
			asking, proceed := make(chan struct{}), make(chan struct{})
			w, c := parks(t, answer, func(Peer, []byte) (Answer, bool, error) {
				close(asking)
				<-proceed
				return Answer{}, parked, nil
			})
			w.client.Query("select 1")
			w.expect("CZ")
			c.Park()
			<-asking
			end(w)
			close(proceed)
			w.fatal("57P01")
			if err := w.wait(); err != errEnding {
				t.Errorf("%s: it has ended with %v", name, err)
			}
			want := 1
			if parked {
				want = 0
			}
			if backs := w.backs(); len(backs) != want {
				t.Errorf("%s, parked %v: it came back %+v", name, parked, backs)
			}
		}
	}
}

// KeepOn takes back what has not happened.
func TestParkTakenBack(t *testing.T) {
	t.Parallel()
	w, c := parks(t, transactions, func(Peer, []byte) (Answer, bool, error) {
		t.Error("asked")
		return Answer{}, false, nil
	})
	w.client.Query("begin")
	w.expect("CZ")
	c.Park()
	c.KeepOn()
	for range 100 {
		w.client.Query("commit")
		w.expect("CZ")
	}
	if got := w.received(); strings.Count(got, "commit") != 100 {
		t.Errorf("the server got %s", got)
	}
}
