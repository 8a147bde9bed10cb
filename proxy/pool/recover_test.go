package pool

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// leave runs what a client has left behind, and returns the status.
func (s *Server) leave(t *testing.T, sql string) byte {
	t.Helper()
	a := answer{server: s}
	query := encodeQuery(t, sql)
	if _, err := s.Write(query); err != nil {
		t.Fatal(err)
	}
	r := &reader{conn: s, largest: maxAnswer, most: maxAnswer}
	for {
		kind, message, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if kind == 'Z' {
			return message[5]
		}
		if err := a.take(kind, message); err != nil {
			t.Fatal(err)
		}
	}
}

func encodeQuery(t *testing.T, sql string) []byte {
	t.Helper()
	b, err := (&pgproto3.Query{String: sql}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Promises: F96, I3, I4.
func TestRecoverPostgres(t *testing.T) {
	t.Parallel()
	postgres := startPostgres(t)
	const state = `select current_setting('datestyle'), (select count(*) from pg_prepared_statements), (select count(*) from pg_listening_channels()), (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())`
	const clean, dirty = `"ISO, MDY" "0" "0" "0"`, `"German, DMY" "1" "1" "1"`
	const change = "set datestyle = 'German'; prepare p as select 1; listen c; select pg_advisory_lock_shared(1)"
	for _, test := range []struct {
		name, left string
		status     byte
		discard    bool
		state      string
	}{
		{"nothing", "select 1", 'I', false, clean},
		{"nothing to discard", "select 1", 'I', true, clean},
		{"a transaction", "begin; set datestyle = 'German'; create temporary table t ()", 'T', false, clean},
		{"a failed transaction", "begin; set datestyle = 'German'; select 1/0", 'E', false, clean},
		{"state that stays", change, 'I', false, dirty},
		{"state", change, 'I', true, clean},
		{"state and a transaction", change + "; begin; select 1", 'T', true, clean},
		{"state and a failed transaction", change + "; begin; select 1/0", 'E', true, `"ISO, MDY" "0" "0" "0"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := postgres.session()
			if status := s.leave(t, test.left); status != test.status {
				t.Fatalf("status is %q, want %q", status, test.status)
			}
			if err := s.Recover(t.Context(), test.status, test.discard); err != nil {
				t.Fatal(err)
			}
			if got := s.mustAsk(t, state); got != test.state {
				t.Errorf("left is %s, want %s", got, test.state)
			}
			if test.state == clean && s.Parameters["DateStyle"] != "ISO, MDY" {
				t.Errorf("DateStyle is taken to be %q", s.Parameters["DateStyle"])
			}
		})
	}
}

// What can go wrong on the way, step by step.
// Promises: F97, I3, I4, I5.
func TestRecover(t *testing.T) {
	t.Parallel()
	ready := "Z\x00\x00\x00\x05I"
	done := "C\x00\x00\x00\x06x\x00" + ready
	notice, notification := "N\x00\x00\x00\x05\x00", "A\x00\x00\x00\x0a\x00\x00\x00\x01c\x00\x00"
	notification = notification[:4] + "\x0b" + notification[5:]
	failure := "E\x00\x00\x00\x0cC57014\x00\x00"
	rollback, discard := "Query \"ROLLBACK\"", "Query \"DISCARD ALL\""
	for _, test := range []struct {
		name    string
		status  byte
		discard bool
		before  string   // what has arrived
		answers []string // to each statement
		asked   []string
		fails   bool
	}{
		{name: "nothing to do", status: 'I'},
		{name: "something was left", status: 'I', before: notice, fails: true},
		{name: "in a transaction", status: 'T', answers: []string{done}, asked: []string{rollback}},
		{name: "in a failed transaction", status: 'E', answers: []string{done}, asked: []string{rollback}},
		{name: "state", status: 'I', discard: true, answers: []string{done}, asked: []string{discard}},
		{name: "both", status: 'T', discard: true, answers: []string{done, done}, asked: []string{rollback, discard}},
		{name: "notices", status: 'T', discard: true, answers: []string{notice + done, notice + done}, asked: []string{rollback, discard}},
		{name: "who listened stops", status: 'T', discard: true, answers: []string{notification + done, notification + done}, asked: []string{rollback, discard}},
		{name: "who listens goes on", status: 'T', answers: []string{notification + done}, asked: []string{rollback}, fails: true},
		{name: "no status", fails: true},
		{name: "ROLLBACK fails", status: 'T', discard: true, answers: []string{failure + ready}, asked: []string{rollback}, fails: true},
		{name: "DISCARD ALL fails", status: 'T', discard: true, answers: []string{done, failure + ready}, asked: []string{rollback, discard}, fails: true},
		{name: "still in a transaction", status: 'T', answers: []string{"Z\x00\x00\x00\x05T"}, asked: []string{rollback}, fails: true},
		{name: "an answer too much", status: 'T', answers: []string{done + done}, asked: []string{rollback}, fails: true},
		{name: "a notice behind", status: 'T', discard: true, answers: []string{done + notice}, asked: []string{rollback}, fails: true},
		{name: "an end in the middle", status: 'T', answers: []string{done[:3]}, asked: []string{rollback}, fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sent := make(chan struct{})
			peer := pgtest.Serve(t, func(c *pgtest.ServerConn) {
				c.Raw([]byte(test.before))
				close(sent)
				for _, answer := range test.answers {
					c.Receive()
					c.Raw([]byte(answer))
				}
				if test.name != "an end in the middle" {
					c.Drain()
				}
			})
			s := &Server{Conn: pgtest.Dial(t, peer.Target("app", "app")).Conn()}
			defer s.Close()
			<-sent
			if err := s.Recover(t.Context(), test.status, test.discard); (err != nil) != test.fails {
				t.Errorf("error is %v", err)
			}
			s.Close()
			if asked := peer.Connections()[0].Received(); !slices.Equal(withoutEnd(asked), test.asked) {
				t.Errorf("asked were %q, want %q", asked, test.asked)
			}
		})
	}
}

// withoutEnd is without what was seen of the connection's end.
func withoutEnd(received []string) []string {
	return slices.DeleteFunc(received, func(s string) bool { return !strings.HasPrefix(s, "Query") })
}

func TestRecoverObeysContext(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	peer := pgtest.Serve(t, func(c *pgtest.ServerConn) {
		c.Receive()
		close(asked)
		c.Stall()
	})
	s := &Server{Conn: pgtest.Dial(t, peer.Target("app", "app")).Conn()}
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(errLeft)
	}()
	if err := s.Recover(ctx, 'T', true); !errors.Is(err, errLeft) {
		t.Errorf("got %v", err)
	}
}

// Over TLS what was left can be in the record layer.
// Promises: F97, I5.
func TestRecoverLooksIntoTLS(t *testing.T) {
	t.Parallel()
	authority := pgtest.NewAuthority(t)
	certificate := authority.Certificate(t, "localhost")
	for _, left := range []int{0, 1} {
		near, far := secured(t, newPeers(t), certificate, authority)
		if _, err := far.Write(make([]byte, left+1)); err != nil {
			t.Fatal(err)
		}
		if _, err := near.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := near.Recover(t.Context(), 'I', false); (err != nil) != (left > 0) {
			t.Errorf("%d bytes left: error is %v", left, err)
		}
	}
}
