package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// text is rows as one line, for comparing.
func text(rows [][]*string) string {
	var b strings.Builder
	for _, row := range rows {
		for _, value := range row {
			if value == nil {
				b.WriteString("NULL ")
			} else {
				fmt.Fprintf(&b, "%q ", *value)
			}
		}
		b.WriteString("; ")
	}
	return strings.TrimRight(b.String(), " ;")
}

// kinds are the types of the messages in b, which must be whole.
func kinds(t *testing.T, b []byte) string {
	t.Helper()
	var all []byte
	r := reader{conn: strings.NewReader(""), largest: len(b), most: len(b), bytes: b}
	for len(r.rest()) > 0 {
		kind, _, err := r.next()
		if err != nil {
			t.Fatalf("%q is no whole messages: %v", b, err)
		}
		all = append(all, kind)
	}
	return string(all)
}

// session is a server connection of a test's own.
func (s realServer) session() *Server {
	s.t.Helper()
	server, err := s.connect("app", "app")(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { server.Close() })
	return server
}

func (s *Server) mustAsk(t *testing.T, sql string) string {
	t.Helper()
	rows, _, err := s.Ask(t.Context(), sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	return text(rows)
}

func TestAskPostgres(t *testing.T) {
	t.Parallel()
	postgres := startPostgres(t)

	t.Run("rows", func(t *testing.T) {
		s := postgres.session()
		for sql, want := range map[string]string{
			"select 1": `"1"`,
			"select null, '', 'é' union all select 'x', 'y', 'z'": `NULL "" "é" ; "x" "y" "z"`,
			"select 1; select 2, 3; select 4 where false":         `"1" ; "2" "3"`,
			"":                                       "",
			"select set_config('app.x', 'y', false)": `"y"`,
			"set search_path = a; select current_setting('search_path')": `"a"`,
		} {
			if got := s.mustAsk(t, sql); got != want {
				t.Errorf("%s: %s, want %s", sql, got, want)
			}
		}
	})

	t.Run("asides", func(t *testing.T) {
		s := postgres.session()
		_, asides, err := s.Ask(t.Context(), "listen c; notify c; set timezone = 'Asia/Tokyo'; do $$begin raise notice 'x'; end$$", nil)
		if err != nil {
			t.Fatal(err)
		}
		// The notification comes with the end of the transaction or behind it.
		all := kinds(t, append(asides, s.Early...))
		sorted := slices.Sorted(slices.Values(strings.Split(all, "")))
		if strings.Join(sorted, "") != "ANS" {
			t.Errorf("asides are %q", all)
		}
		if zone := s.Parameters["TimeZone"]; zone != "Asia/Tokyo" {
			t.Errorf("TimeZone is %q", zone)
		}
	})

	t.Run("a statement fails", func(t *testing.T) {
		s := postgres.session()
		rows, _, err := s.Ask(t.Context(), "select 1; select 1/0; select 2", nil)
		var failed *QueryError
		if !errors.As(err, &failed) || failed.Code != "22012" || kinds(t, failed.Message) != "E" {
			t.Fatalf("got %v", err)
		}
		if text(rows) != `"1"` {
			t.Errorf("rows before it: %s", text(rows))
		}
		if got := s.mustAsk(t, "select 3"); got != `"3"` {
			t.Errorf("afterwards: %s", got)
		}
	})

	for name, sql := range map[string]string{
		"a transaction is open": "begin",
		"and failed":            "begin; select 1/0",
		"COPY to the server":    "create temporary table t (a int); copy t from stdin",
		"COPY from the server":  "copy (select 1) to stdout",
		"too many rows":         "select repeat('x', 1000) from generate_series(1, 2000)",
		"too long a row":        "select repeat('x', 2000000)",
		"a zero byte":           "select 1\x00",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := postgres.session().Ask(t.Context(), sql, nil)
			var failed *QueryError
			if err == nil || errors.As(err, &failed) {
				t.Errorf("got %v", err)
			}
		})
	}

	t.Run("the session is ended", func(t *testing.T) {
		s := postgres.session()
		_, _, err := s.Ask(t.Context(), "select pg_terminate_backend(pg_backend_pid()), pg_sleep(60)", nil)
		var refused *RefusedError
		var failed *QueryError
		if !errors.As(err, &refused) || refused.Code != "57P01" || errors.As(err, &failed) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the session was ended before", func(t *testing.T) {
		s := postgres.session()
		postgres.Exec(t, fmt.Sprintf("select pg_terminate_backend(%d, 10000)", s.PID()))
		_, _, err := s.Ask(t.Context(), "select 1", nil)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Code != "57P01" {
			t.Errorf("got %v", err)
		}
	})

	t.Run("ctx ends", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Millisecond, func() { cancel(errLeft) })
		_, _, err := postgres.session().Ask(ctx, "select pg_sleep(60)", nil)
		if !errors.Is(err, errLeft) {
			t.Errorf("got %v", err)
		}
	})
}

// What surrounds an answer, byte by byte.
func TestAsk(t *testing.T) {
	t.Parallel()
	status := &pgproto3.ParameterStatus{Name: "TimeZone", Value: "UTC"}
	notice := &pgproto3.NoticeResponse{Severity: "WARNING", Message: "careful"}
	fatal := &pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P01", Message: "over"}
	answer := []pgproto3.BackendMessage{
		&pgproto3.RowDescription{}, &pgproto3.DataRow{Values: [][]byte{[]byte("1")}},
		&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'},
	}
	whole := encode(t, answer...)
	with := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	s, n := encode(t, status), encode(t, notice)
	for _, test := range []struct {
		name           string
		early, arrives []byte
		asides, left   []byte // what must come out, if it is no error
		code           string // of the RefusedError
		fails          bool
	}{
		{name: "nothing else", arrives: whole},
		{name: "early", early: s, arrives: whole, asides: s},
		{name: "early that is cut", early: s[:7], arrives: with(s[7:], n, whole), asides: with(s, n)},
		{name: "the head of early is cut", early: s[:2], arrives: with(s[2:], whole), asides: s},
		{name: "behind", arrives: with(whole, n), left: n},
		{name: "behind, and cut", early: n, arrives: with(whole, s[:3]), asides: n, left: s[:3]},
		{name: "FATAL early", early: encode(t, fatal), code: "57P01"},
		{name: "FATAL in the middle", arrives: with(whole[:len(whole)-6], encode(t, fatal)), code: "57P01"},
		{name: "end in the middle", arrives: whole[:len(whole)-1], fails: true},
		{name: "end at once", fails: true},
		{name: "a second answer", early: encode(t, answer[2]), arrives: with([]byte("1\x00\x00\x00\x04"), whole), fails: true},
		{name: "a wrong length", arrives: []byte("Z\x00\x00\x00\x00I"), fails: true},
		{name: "a wrong DataRow", arrives: []byte("D\x00\x00\x00\x05x"), fails: true},
		{name: "a wrong ParameterStatus", arrives: []byte("S\x00\x00\x00\x05x"), fails: true},
		{name: "no status", arrives: []byte("Z\x00\x00\x00\x04"), fails: true},
		{name: "the end of something before", arrives: with(encode(t, answer[3]), whole), fails: true},
		{name: "a failed transaction", arrives: []byte("Z\x00\x00\x00\x05E"), fails: true},
		{name: "a message of 1 GB", arrives: []byte("D\x3f\xff\xff\xff"), fails: true},
		{name: "notices without end", arrives: bytes.Repeat(n, maxAnswer/len(n)+1), fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			peer := pgtest.Serve(t, func(c *pgtest.ServerConn) {
				c.Receive()
				c.Raw(test.arrives)
			})
			conn := pgtest.Dial(t, peer.Target("app", "app")).Conn()
			server := &Server{Conn: conn}
			rows, asides, err := server.Ask(t.Context(), "select 1", test.early)
			var refused *RefusedError
			var failed *QueryError
			switch {
			case errors.As(err, &failed):
				t.Fatalf("taken for usable: %v", err)
			case test.code != "":
				if !errors.As(err, &refused) || refused.Code != test.code {
					t.Fatalf("got %v, want the server's %s", err, test.code)
				}
			case test.fails:
				if err == nil || errors.As(err, &refused) {
					t.Fatalf("got %v", err)
				}
			case err != nil:
				t.Fatal(err)
			case text(rows) != `"1"` || !bytes.Equal(asides, test.asides) || !bytes.Equal(server.Early, test.left):
				t.Errorf("rows %s, asides %q, left %q", text(rows), asides, server.Early)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("S\x00\x00\x00\x08a\x00b\x00D\x00\x00\x00\x0b\x00\x01\x00\x00\x00\x01xZ\x00\x00\x00\x05I"))
	f.Add([]byte("E\x00\x00\x00\x0bC22012\x00\x00Z\x00\x00\x00\x05IZ"))
	f.Add([]byte("D\x00\x00\x00\x0a\x00\x01\xff\xff\xff\xffA\x00\x00\x00\x04"))
	f.Fuzz(func(t *testing.T, said []byte) {
		a := answer{server: new(Server)}
		err := a.read(&reader{conn: bytes.NewReader(said), largest: maxAnswer, most: maxAnswer})
		var failed *QueryError
		if err != nil && !errors.As(err, &failed) {
			return
		}
		if len(a.asides)+len(a.server.Early) > len(said) || !bytes.HasSuffix(said, a.server.Early) {
			t.Errorf("asides %q and the rest %q of %q", a.asides, a.server.Early, said)
		}
		before := said[:len(said)-len(a.server.Early)]
		if !bytes.HasSuffix(before, []byte("Z\x00\x00\x00\x05I")) {
			t.Errorf("it took %q for an answer", before)
		}
		kinds(t, a.asides)
	})
}
