package relay

import (
	"strings"
	"testing"
)

func queryMessage(sql string) []byte { return message('Q', sql+"\x00") }

func parseMessage(name, sql string) []byte { return message('P', name+"\x00"+sql+"\x00\x00\x00") }

func bindMessage(portal, statement string) []byte {
	return message('B', portal+"\x00"+statement+"\x00\x00\x00\x00\x00\x00\x00")
}

// talk is a session with a server connection, for tests that care for what is in
// the messages.
type talk struct {
	*Session
	t *testing.T
}

func newTalk(t *testing.T) talk {
	s := &Session{}
	s.Attached(nil)
	return talk{s, t}
}

func (s talk) client(messages ...[]byte) {
	s.t.Helper()
	for _, b := range messages {
		step, err := s.FromClient(b)
		if err != nil || step.Forward != len(b) {
			s.t.Fatalf("client's %q: %+v, %v", b, step, err)
		}
	}
}

// server shows what the server says, and returns the effects that were announced.
func (s talk) server(script string) (announced Effects) {
	s.t.Helper()
	for _, kind := range []byte(script) {
		b := serverMessage(kind)
		if kind == 'T' {
			b = message('Z', "T")
		}
		step, err := s.FromServer(b)
		if step.Pause == Changed && err == nil {
			announced |= s.Effects()
			if step.Forward != 0 {
				s.t.Fatalf("forwards %d bytes of a ReadyForQuery that is to wait", step.Forward)
			}
			step, err = s.FromServer(b)
		}
		if err != nil || step.Forward != len(b) || step.Pause != None {
			s.t.Fatalf("server's %q: %+v, %v", b, step, err)
		}
	}
	return announced
}

func TestEffectsOfStatements(t *testing.T) {
	t.Parallel()
	const both = Roles | Logins
	for sql, want := range map[string]Effects{
		"alter role app password 'x'":          both,
		"ALTER USER app SET search_path = a":   both,
		"Alter Group g Add User u":             both,
		"create role r":                        both,
		"create user u":                        both,
		"drop role r":                          both,
		"drop user if exists u":                both,
		"create group g":                       both,
		"create database d":                    Logins,
		"alter database d set datestyle = iso": Logins,
		"drop database d":                      Logins,
		"alter system set x = 1":               Logins,
		"grant connect on database d to r":     Logins,
		"revoke all on database d from public": Logins,
		"reassign owned by a to b":             Logins,
		"/* a comment */ alter -- and another\n/* /* nested */ */role r": both,
		"select 1; alter role r; select 2":                               both,
		";;;alter role r":                                                both,
		"select 1;grant a to b":                                          Logins,
		"select $$; $$; alter role r":                                    both,
		"select $a$ $$ ; $b$ $a$; alter role r":                          both,
		"select 'it''s'; alter role r":                                   both,
		`select E'it\'s'; alter role r`:                                  both,
		`select e'\\'; alter role r`:                                     both,
		`select '\'; alter role r`:                                       both,
		`select U&'\0041'; alter role r`:                                 both,
		`select ";"; alter role r`:                                       both,
		`select """;"; alter role r`:                                     both,
		"select 1 /* ; */; alter role r":                                 both,
		"select 1 -- ;\r; alter role r":                                  both,
		"select 1$$;$$; alter role r":                                    both,
		"select a$b$c; alter role r":                                     both,
		"\v\f\t alter\trole r":                                           both,

		"":                                  0,
		";":                                 0,
		"-- alter role r":                   0,
		"/* alter role r */":                0,
		"/* /* */ alter role r */":          0,
		"/* alter role r":                   0,
		"select 'alter role r'":             0,
		"select '; alter role r'":           0,
		`select E'\'; alter role r'`:        0,
		`select "; alter role r"`:           0,
		"select $$; alter role r; $$":       0,
		"select $x$; $$ alter role r $x$":   0,
		"select $x$; alter role r":          0,
		"do $$ begin alter role r; end $$":  0, // cannot be seen, as is documented
		"alter table role add column a int": 0,
		"alter default privileges":          0,
		"create table alter_role ()":        0,
		"\"alter\" role r":                  0,
		"(alter role r)":                    0,
		"1; 2":                              0,
		"alter":                             0,
		"explain alter role r":              0,
		"set role r":                        0,
		"alterrole r":                       0,
		"alter_ role r":                     0,
		"drop owned by r":                   Logins,
	} {
		for name, send := range map[string]func(talk){
			"simple": func(s talk) { s.client(queryMessage(sql)) },
			"extended": func(s talk) {
				s.client(parseMessage("", sql), bindMessage("", ""), clientMessage('E'), clientMessage('S'))
			},
			"prepared": func(s talk) {
				s.client(parseMessage("s", sql), clientMessage('S'))
				s.server("1Z")
				s.client(bindMessage("p", "s"), clientMessage('E'), clientMessage('S'))
			},
		} {
			s := newTalk(t)
			send(s)
			if got := s.server("CZ"); got != want {
				t.Errorf("%s, %q: effects %b, want %b", name, sql, got, want)
			}
		}
	}
}

// Only the end of a transaction makes its changes true.
func TestEffectsWaitForCommit(t *testing.T) {
	t.Parallel()
	s := newTalk(t)
	s.client(queryMessage("begin"))
	s.server("CT")
	s.client(queryMessage("alter role r"))
	if got := s.server("CT"); got != 0 {
		t.Errorf("announced within the transaction: %b", got)
	}
	s.client(queryMessage("select 1"))
	s.server("CT")
	s.client(queryMessage("commit"))
	if got := s.server("CZ"); got&Roles == 0 {
		t.Error("not announced at the commit")
	}
	s.client(queryMessage("select 1"))
	if got := s.server("CZ"); got != 0 {
		t.Errorf("announced again: %b", got)
	}
}

// Each of several changes in a pipeline is announced when it has succeeded.
func TestEffectsInPipeline(t *testing.T) {
	t.Parallel()
	s := newTalk(t)
	s.client(queryMessage("alter role r"), queryMessage("alter role r"), queryMessage("select 1"))
	for i, want := range []bool{true, true} {
		if got := s.server("CZ"); (got != 0) != want {
			t.Errorf("announced %b at ReadyForQuery %d", got, i)
		}
	}
	s.server("CZ")
	s.client(queryMessage("select 1"))
	if got := s.server("CZ"); got != 0 {
		t.Errorf("announced when all was over: %b", got)
	}
}

// The statements that run without Parse are those that drivers prepare once.
func TestEffectsOfPrepared(t *testing.T) {
	t.Parallel()
	s := newTalk(t)
	run := func(statement string) Effects {
		s.client(bindMessage("a portal", statement), clientMessage('E'), clientMessage('S'))
		return s.server("2CZ")
	}
	s.client(parseMessage("change", "alter role r"), parseMessage("look", "select 1"), clientMessage('S'))
	if got := s.server("11Z"); got != 0 {
		t.Errorf("announced although nothing was run: %b", got)
	}
	for range 2 {
		if run("change") == 0 {
			t.Error("not announced")
		}
		if got := run("look"); got != 0 {
			t.Errorf("announced %b for another statement", got)
		}
	}
	s.client(parseMessage("change", "select 1"), clientMessage('S')) // 42P05: there is one
	s.server("EZ")
	if run("change") == 0 {
		t.Error("not announced after a Parse that failed")
	}
	s.client(message('C', "Schange\x00"), parseMessage("change", "select 1"), clientMessage('S'))
	s.server("31Z")
	if got := run("change"); got != 0 {
		t.Errorf("announced %b although it was closed", got)
	}
	s.client(parseMessage("", "drop role r"), clientMessage('S'))
	s.server("1Z")
	if run("") == 0 {
		t.Error("not announced for the unnamed statement")
	}
	s.client(parseMessage("", "select 1"), clientMessage('S'))
	s.server("1Z")
	if got := run(""); got != 0 {
		t.Errorf("announced %b although the unnamed statement is another", got)
	}
	for i := range 2 * maxEffective {
		s.client(parseMessage(strings.Repeat("x", i+1), "alter role r"), clientMessage('S'))
		s.server("1Z")
	}
	if len(s.names) > maxEffective {
		t.Errorf("%d statements are remembered", len(s.names))
	}
}

func TestCommitSent(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		"commit": true, "END": true, "commit and chain": true, "prepare transaction 'x'": true, "commit prepared 'x'": true,
		"insert into t values (1); commit": true,
		"rollback":                         false, "select 'commit'": false, "prepare s as select 1": false, "begin": false,
	} {
		s := newTalk(t)
		s.client(queryMessage(sql))
		if got := s.CommitSent(); got != want {
			t.Errorf("%s: in doubt %v", sql, got)
		}
		s.server("CZ")
		if s.CommitSent() {
			t.Errorf("%s: in doubt after it was answered", sql)
		}
	}
	s := newTalk(t)
	s.client(parseMessage("c", "commit"), clientMessage('S'))
	s.server("1Z")
	s.client(bindMessage("", "c"), clientMessage('E'), clientMessage('S'))
	if !s.CommitSent() {
		t.Error("a prepared COMMIT is not seen")
	}
}

// A statement behind what is looked at is not seen, wherever the reads end.
func TestPeekLimit(t *testing.T) {
	t.Parallel()
	seen := strings.Repeat(" ", peekLimit-30) + "; alter role r"
	unseen := strings.Repeat(" ", peekLimit) + "; alter role r"
	for _, test := range []struct {
		sql  string
		want bool
	}{{seen, true}, {unseen, false}} {
		for _, first := range []int{headAndPeek, 2 * peekLimit} {
			s := newTalk(t)
			b := queryMessage(test.sql)
			first = min(first, len(b))
			step, err := s.FromClient(b[:first])
			if err != nil || step.Forward != first {
				t.Fatalf("%+v, %v", step, err)
			}
			s.FromClient(b[first:])
			if got := s.server("CZ") != 0; got != test.want {
				t.Errorf("statement of %d bytes, read %d at first: seen %v", len(b), first, got)
			}
		}
	}
}

// headAndPeek is the least of a message that is looked at.
const headAndPeek = 5 + peekLimit
