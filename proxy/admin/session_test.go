package admin_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/admin"
	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// connect logs in and speaks message by message.
func (l *listener) connect(t *testing.T, user string) *pgtest.Client {
	t.Helper()
	return pgtest.Connect(t, pgtest.Target{Network: "tcp", Address: l.address, User: user, Database: "postern"})
}

func query(text string) *pgproto3.Query { return &pgproto3.Query{String: text} }

// codes renders messages as their types, and errors as their SQLSTATE.
func codes(messages []pgtest.Message) string {
	var all []string
	for _, m := range messages {
		one := string(m.Type)
		if m.Type == 'E' {
			decoded, err := m.Decode()
			if err != nil {
				return err.Error()
			}
			one = decoded.(*pgproto3.ErrorResponse).Code
		}
		all = append(all, one)
	}
	return strings.Join(all, " ")
}

func TestSimpleProtocol(t *testing.T) {
	t.Parallel()
	l := listen(t, newWorld().console())
	c := l.connect(t, "admin")
	for _, test := range []struct{ query, want string }{
		{"", "I Z"},
		{" -- nothing\n;", "I Z"},
		{"SHOW VERSION", "T D C Z"},
		{"show version;", "T D C Z"},
		{"SHOW VERSION; SHOW STATE", "T D C T D D D C Z"},
		{"SELECT 1", "T D C Z"},
		{"RELOAD; NONSENSE; RELOAD", "C 42601 Z"},
		{"SHOW", "42601 Z"},
		{"SHOW NONSENSE", "42601 Z"},
		{"SHOW POOLS now", "42601 Z"},
		{"/*", "42601 Z"},
		{"SHOW FDS", "0A000 Z"},
		{"SELECT version()", "0A000 Z"},
		{"SELECT 'a'", "0A000 Z"},
		{"BEGIN", "0A000 Z"},
		{"SET extra_float_digits = 3", "C Z"},
		{"SET SESSION timezone TO 'UTC'", "C Z"},
		{"SET max_client_conn = 5", "0A000 Z"},
		{"SET x", "42601 Z"},
		{"DISCARD ALL", "C Z"},
		{"SHOW HELP", "N C Z"},
		{"SHOW WAKES; SHOW QUOTAS; SHOW TOP", "T D C T D C T D D C Z"},
	} {
		c.Send(query(test.query))
		if got := codes(c.ReadUntilReady()); got != test.want {
			t.Errorf("%q: %s, want %s", test.query, got, test.want)
		}
	}
	c.Send(query("NONSENSE"))
	c.Expect(`ErrorResponse S="ERROR" V="ERROR" C="42601" M="unknown command \"NONSENSE\"" H="SHOW HELP lists the commands."`, "ReadyForQuery I")
}

func TestExtendedProtocol(t *testing.T) {
	t.Parallel()
	l := listen(t, newWorld().console())
	parse := func(name, text string) *pgproto3.Parse { return &pgproto3.Parse{Name: name, Query: text} }
	bind := func(portal, statement string, formats ...int16) *pgproto3.Bind {
		return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement, ResultFormatCodes: formats}
	}
	execute := func(portal string, rows uint32) *pgproto3.Execute {
		return &pgproto3.Execute{Portal: portal, MaxRows: rows}
	}
	describe := func(kind byte, name string) *pgproto3.Describe {
		return &pgproto3.Describe{ObjectType: kind, Name: name}
	}
	sync := &pgproto3.Sync{}
	for _, test := range []struct {
		name  string
		send  []pgproto3.FrontendMessage
		want  string
		ready int // how many ReadyForQuery end it, 1 if 0
	}{
		{name: "unnamed", send: []pgproto3.FrontendMessage{parse("", "SHOW STATE"), bind("", ""), describe('P', ""), execute("", 0), sync}, want: "1 2 T D D D C Z"},
		{name: "statement described", send: []pgproto3.FrontendMessage{parse("s", "SHOW STATE"), describe('S', "s"), sync, bind("p", "s"), execute("p", 0), sync}, want: "1 t T Z 2 D D D C Z", ready: 2},
		{name: "command has no rows", send: []pgproto3.FrontendMessage{parse("", "RELOAD"), describe('S', ""), bind("", ""), describe('P', ""), execute("", 0), sync}, want: "1 t n 2 n C Z"},
		{name: "empty", send: []pgproto3.FrontendMessage{parse("", " ; "), describe('S', ""), bind("", ""), execute("", 0), sync}, want: "1 t n 2 I Z"},
		{name: "a few rows at a time", send: []pgproto3.FrontendMessage{parse("", "SHOW STATE"), bind("", ""), execute("", 2), execute("", 2), execute("", 2), sync}, want: "1 2 D D s D C C Z"},
		{name: "errors skip to Sync", send: []pgproto3.FrontendMessage{parse("", "NONSENSE"), bind("", ""), execute("", 0), query("RELOAD"), sync, parse("", "RELOAD"), sync}, want: "42601 Z 1 Z", ready: 2},
		{name: "one statement only", send: []pgproto3.FrontendMessage{parse("", "RELOAD; RELOAD"), sync}, want: "42601 Z"},
		{name: "no such statement", send: []pgproto3.FrontendMessage{bind("", "nobody"), sync, describe('S', "nobody"), sync}, want: "26000 Z 26000 Z", ready: 2},
		{name: "no such portal", send: []pgproto3.FrontendMessage{execute("nobody", 0), sync, describe('P', "nobody"), sync}, want: "34000 Z 34000 Z", ready: 2},
		{name: "named twice", send: []pgproto3.FrontendMessage{parse("s", "RELOAD"), parse("s", "RELOAD"), sync}, want: "1 42P05 Z"},
		{name: "portal named twice", send: []pgproto3.FrontendMessage{parse("", "RELOAD"), bind("p", ""), bind("p", ""), sync}, want: "1 2 42P03 Z"},
		{name: "closed", send: []pgproto3.FrontendMessage{parse("s", "RELOAD"), &pgproto3.Close{ObjectType: 'S', Name: "s"}, &pgproto3.Close{ObjectType: 'P', Name: "p"}, bind("", "s"), sync}, want: "1 3 3 26000 Z"},
		{name: "portals end at Sync", send: []pgproto3.FrontendMessage{parse("", "RELOAD"), bind("p", ""), sync, execute("p", 0), sync}, want: "1 2 Z 34000 Z", ready: 2},
		{name: "Query ends the unnamed statement", send: []pgproto3.FrontendMessage{parse("", "RELOAD"), query("SELECT 1"), bind("", ""), sync}, want: "1 T D C Z 26000 Z", ready: 2},
		{name: "parameters", send: []pgproto3.FrontendMessage{parse("", "RELOAD"), &pgproto3.Bind{Parameters: [][]byte{[]byte("1")}}, sync}, want: "1 0A000 Z"},
		{name: "parameter types", send: []pgproto3.FrontendMessage{&pgproto3.Parse{Query: "RELOAD", ParameterOIDs: []uint32{25}}, sync}, want: "0A000 Z"},
		{name: "formats", send: []pgproto3.FrontendMessage{parse("", "SHOW STATE"), bind("", "", 0, 1), execute("", 0), sync, parse("", "SHOW STATE"), bind("", "", 0, 1, 0), sync, bind("", "", 2), sync}, want: "1 2 D D D C Z 1 08P01 Z 08P01 Z", ready: 3},
		{name: "function call", send: []pgproto3.FrontendMessage{&pgproto3.FunctionCall{Function: 1}}, want: "0A000 Z"},
		{name: "left of a COPY", send: []pgproto3.FrontendMessage{&pgproto3.CopyData{}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{}, sync}, want: "Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := l.connect(t, "admin")
			c.Send(test.send...)
			var got []string
			for range max(test.ready, 1) {
				got = append(got, codes(c.ReadUntilReady()))
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("got %s, want %s", s, test.want)
			}
		})
	}
}

// Flush sends what there is, without a Sync.
func TestFlush(t *testing.T) {
	t.Parallel()
	c := listen(t, newWorld().console()).connect(t, "admin")
	c.Send(&pgproto3.Parse{Query: "SHOW VERSION"}, &pgproto3.Flush{})
	c.Expect("ParseComplete")
}

func TestBounds(t *testing.T) {
	t.Parallel()
	l := listen(t, newWorld().console())

	c := l.connect(t, "admin")
	for i := range 257 {
		c.Send(&pgproto3.Parse{Name: fmt.Sprint(i), Query: "SHOW VERSION"})
	}
	c.Send(&pgproto3.Sync{})
	if got := codes(c.ReadUntilReady()); got != strings.Repeat("1 ", 256)+"53400 Z" {
		t.Errorf("257 statements: %.100s", got)
	}

	c.Send(query("SHOW " + strings.Repeat("x", 1<<16)))
	if got := codes(c.ReadUntilClosed()); !strings.HasPrefix(got, "08P01") {
		t.Errorf("a message of 64 KiB: %q", got)
	}

	for name, bytes := range map[string][]byte{
		"unknown type":    {'?', 0, 0, 0, 4},
		"negative length": {'Q', 0xff, 0xff, 0xff, 0xff},
		"password":        {'p', 0, 0, 0, 5, 0},
		"malformed":       {'B', 0, 0, 0, 5, 1},
	} {
		c := l.connect(t, "admin")
		c.Raw(bytes)
		if got := codes(c.ReadUntilClosed()); !strings.HasPrefix(got, "08P01") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Whoever looks at a large table slowly does not make the console hold it twice,
// nor hold it up for others.
// Promises: G120.
func TestManyRows(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for id := range uint64(5000) {
		w.clients[100+id] = admin.Client{ID: 100 + id, Tenant: "acme", Role: "app", State: admin.ClientIdle, Remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}}
	}
	l := listen(t, w.console())
	slow := l.connect(t, "admin")
	for range 20 {
		slow.Send(query("SHOW CLIENTS"))
	}
	slow.Write()
	c := l.connect(t, "admin")
	c.Send(query("SHOW CLIENTS"))
	rows := 0
	for _, m := range c.ReadUntilReady() {
		if m.Type == 'D' {
			rows++
		}
	}
	if rows != 5004 {
		t.Errorf("%d rows", rows)
	}
}

// When the proxy ends, the client is told.
func TestEnd(t *testing.T) {
	t.Parallel()
	l := listen(t, newWorld().console())
	idle, waiting := l.connect(t, "admin"), l.connect(t, "admin")
	waiting.Send(query("PAUSE acme"))
	waiting.Write()
	l.stop(&wire.Error{Code: wire.AdminShutdown, Message: "over"})
	idle.Expect(`ErrorResponse S="FATAL" V="FATAL" C="57P01" M="over"`, "closed")
	if got := codes(waiting.ReadUntilClosed()); !strings.HasPrefix(got, "57P01") {
		t.Errorf("a client that waits got %q", got)
	}
}

// Whatever a client sends, its session answers in whole messages and ends when the
// client goes.
func FuzzSession(f *testing.F) {
	seed := func(messages ...pgproto3.FrontendMessage) {
		var b []byte
		for _, m := range messages {
			var err error
			if b, err = m.Encode(b); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b)
	}
	seed(query("SHOW POOLS; NONSENSE"), &pgproto3.Terminate{})
	seed(&pgproto3.Parse{Name: "s", Query: "SHOW STATS"}, &pgproto3.Describe{ObjectType: 'S', Name: "s"},
		&pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s", ResultFormatCodes: []int16{1}},
		&pgproto3.Execute{Portal: "p", MaxRows: 1}, &pgproto3.Close{ObjectType: 'P', Name: "p"}, &pgproto3.Sync{})
	seed(&pgproto3.FunctionCall{}, &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.Flush{})
	f.Add([]byte{'Q', 0, 0, 0, 4, 'B', 0, 0, 0, 5, 0})
	f.Add([]byte{'Q', 0x7f, 0xff, 0xff, 0xff})
	console := newWorld().console()
	f.Fuzz(func(t *testing.T, sent []byte) {
		client, server := net.Pipe()
		go func() {
			client.Write(sent)
			client.Close()
		}()
		answers := make(chan error, 1)
		go func() {
			frontend := pgproto3.NewFrontend(client, io.Discard)
			for {
				if _, err := frontend.Receive(); err != nil {
					answers <- err
					return
				}
			}
		}()
		console.Session(server, admin.Login{User: "looker"}).Serve(t.Context())
		server.Close()
		if err := <-answers; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("the answers end with %v", err)
		}
	})
}
