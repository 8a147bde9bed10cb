package pool

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

// loginKeys are the keys of somebody who has proved the password at verifier.
func loginKeys(t *testing.T, verifier, password string) auth.LoginKeys {
	t.Helper()
	v, err := auth.ParseVerifier(verifier)
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, v.Salt, v.Iterations, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	key := hmac.New(sha256.New, salted)
	io.WriteString(key, "Client Key")
	return auth.LoginKeys{ClientKey: key.Sum(nil), Verifier: v}
}

// rolePassword reads a role's verifier.
func rolePassword(t *testing.T, pg *pgtest.Postgres, role string) string {
	return pg.Exec(t, "select rolpassword from pg_authid where rolname = '"+role+"'")
}

// loginAt connects to where target says.
func loginAt(ctx context.Context, target pgtest.Target, login Login) (*Server, error) {
	login.Role, login.Database = target.User, target.Database
	return Connect(ctx, Target{Network: target.Network, Address: target.Address, TLS: target.TLS}, login)
}

// ask runs a simple query on a server connection and returns the answer.
func ask(t *testing.T, s *Server, sql string) []pgtest.Message {
	t.Helper()
	if len(s.Early) > 0 {
		t.Fatalf("the server has said more already: %q", s.Early)
	}
	c := pgtest.NewClient(t, s.Conn, pgtest.Target{})
	c.Query(sql)
	return c.ReadUntilReady()
}

// row is the first row of an answer.
func row(t *testing.T, answer []pgtest.Message) string {
	t.Helper()
	for _, m := range answer {
		if m.Type == 'D' {
			return m.String()
		}
	}
	t.Fatalf("no row in %v", pgtest.Lines(answer))
	return ""
}

func TestConnect(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major, TLS: true, HBA: []string{"host all trusted 127.0.0.1/32 trust"}})
		pg.Exec(t, "create role trusted login")
		keys := loginKeys(t, rolePassword(t, pg, "app"), pgtest.Password)
		for name, test := range map[string]struct {
			target pgtest.Target
			keys   auth.LoginKeys
		}{
			"trust":          {pg.Target("trusted", "app"), auth.LoginKeys{}},
			"SCRAM":          {pg.Target("app", "app"), keys},
			"SCRAM, socket":  {pg.SocketTarget("app", "app"), keys},
			"SCRAM, TLS":     {pg.TLSTarget("app", "app"), keys},
			"without socket": {pg.Target("app", "postgres"), keys},
		} {
			s, err := loginAt(t.Context(), test.target, Login{Keys: test.keys, Settings: map[string]string{
				"application_name": "it's me", "options": `-c work_mem=1234kB -c search_path=a,\ b`, "DateStyle": "German", "extra_float_digits": "1",
			}})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			defer s.Close()
			got := row(t, ask(t, s, "select current_user, current_database(), pg_backend_pid(), current_setting('application_name'), current_setting('work_mem'), current_setting('search_path'), current_setting('DateStyle')"))
			want := `DataRow "` + strings.Join([]string{test.target.User, test.target.Database, fmt.Sprint(s.PID()), "it's me", "1234kB", "a, b", "German, DMY"}, `" "`) + `"`
			if got != want {
				t.Errorf("%s: logged in as %s, want %s", name, got, want)
			}
			if !strings.HasPrefix(s.Parameters["server_version"], fmt.Sprint(major)) || s.Parameters["DateStyle"] != "German, DMY" || s.Parameters["application_name"] != "it's me" {
				t.Errorf("%s: parameters %v", name, s.Parameters)
			}
			if len(s.Notices) > 0 {
				t.Errorf("%s: notices %q", name, s.Notices)
			}
		}
	})
}

// Said is what PostgreSQL itself tells a client, message by message.
func TestSaidIsWhatTheServerSays(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	s, err := loginAt(t.Context(), pg.Target("app", "app"), Login{Keys: loginKeys(t, rolePassword(t, pg, "app"), pgtest.Password)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var direct []byte
	c := pgtest.Dial(t, pg.Target("app", "app"))
	for _, m := range c.Startup() {
		if m.Type == 'S' || m.Type == 'N' {
			direct = m.Append(direct)
		}
	}
	if !bytes.Equal(s.Said, direct) {
		t.Errorf("said %q, to a client directly %q", s.Said, direct)
	}
}

// Promises: A28.
func TestConnectForReplication(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	pg.Exec(t, "alter role app replication")
	s, err := loginAt(t.Context(), pg.Target("app", "app"), Login{Replication: "database", Keys: loginKeys(t, rolePassword(t, pg, "app"), pgtest.Password)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := row(t, ask(t, s, "IDENTIFY_SYSTEM")); !strings.Contains(got, `"app"`) {
		t.Error(got)
	}
}

// What a server refuses is its own ErrorResponse, to the byte.
// Promises: B45, F107.
func TestF107Refused(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major, HBA: []string{"host all trusted 127.0.0.1/32 trust", "host all unwanted 127.0.0.1/32 reject"}})
		pg.Exec(t, "create role trusted login connection limit 0; create role unwanted login")
		verifier := rolePassword(t, pg, "app")
		keys := loginKeys(t, verifier, pgtest.Password)
		wrong := loginKeys(t, verifier, "wrong")
		for name, test := range map[string]struct {
			target pgtest.Target
			login  Login
			code   string
		}{
			"unknown database": {pg.Target("app", "nowhere"), Login{Keys: keys}, "3D000"},
			"wrong key":        {pg.Target("app", "app"), Login{Keys: wrong}, "28P01"},
			"too many":         {pg.Target("trusted", "app"), Login{}, "53300"},
			"not allowed":      {pg.Target("unwanted", "app"), Login{}, "28000"},
			"unknown setting":  {pg.Target("app", "app"), Login{Keys: keys, Settings: map[string]string{"nonsense": "1"}}, "42704"},
		} {
			s, err := loginAt(t.Context(), test.target, test.login)
			if err == nil {
				s.Close()
			}
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Code != test.code {
				t.Errorf("%s: %v, want the server's %s", name, err, test.code)
				continue
			}
			if refused.SafeToRetry() {
				t.Errorf("%s: safe to retry", name)
			}
			direct := test.target
			for setting, value := range test.login.Settings {
				direct = direct.With(setting, value)
			}
			if name == "wrong key" {
				direct.Password = "wrong"
			}
			said := pgtest.Dial(t, direct).Startup()
			if last := said[len(said)-1]; !bytes.Equal(refused.Message, last.Append(nil)) {
				t.Errorf("%s: refused with %q, a client directly with %q", name, refused.Message, last)
			}
		}
	})
}

// Promises: B39.
func TestB39PasswordHasChanged(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	keys := loginKeys(t, rolePassword(t, pg, "app"), pgtest.Password)
	pg.Exec(t, "alter role app password 'another'")
	if _, err := loginAt(t.Context(), pg.Target("app", "app"), Login{Keys: keys}); !errors.Is(err, auth.ErrOtherVerifier) {
		t.Error(err)
	}
}

// Promises: F108, J4.
func TestStartingUpIsSafeToRetry(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"57P03": true, "57P01": true, "53300": false, "28P01": false, "": false} {
		if got := (&RefusedError{Code: code}).SafeToRetry(); got != want {
			t.Errorf("%q: safe to retry is %v", code, got)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	for _, target := range []Target{{Network: "tcp", Address: "127.0.0.1:1"}, {Network: "unix", Address: t.TempDir() + "/none"}} {
		_, err := Connect(t.Context(), target, Login{})
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) {
			t.Errorf("%s: %v", target.Network, err)
		}
	}
}

// What is said at login is taken wherever it comes, in pieces of any size.
// Promises: A21.
func TestA21NoticesAtLogin(t *testing.T) {
	t.Parallel()
	notice := &pgproto3.NoticeResponse{Severity: "NOTICE", Code: "00000", Message: strings.Repeat("hello ", 2000)}
	var login []byte
	for _, m := range []pgproto3.BackendMessage{
		notice, &pgproto3.AuthenticationOk{}, notice,
		&pgproto3.ParameterStatus{Name: "a", Value: "1"}, notice, &pgproto3.ParameterStatus{Name: "a", Value: "2"},
		&pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte{1, 2, 3, 4}}, notice, &pgproto3.ReadyForQuery{TxStatus: 'I'},
	} {
		login, _ = m.Encode(login)
	}
	early := []byte("S\x00\x00\x00\x08b\x003\x00N\x00\x00")
	for _, size := range []int{1, 5000, 1 << 20} {
		server := pgtest.Serve(t, func(c *pgtest.ServerConn) {
			c.ReceiveStartup()
			for b := append(slices.Clone(login), early...); len(b) > 0; {
				n := min(size, len(b))
				c.Raw(b[:n])
				b = b[n:]
			}
			c.Drain()
		})
		s, err := loginAt(t.Context(), server.Target("app", "app"), Login{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		one, _ := notice.Encode(nil)
		if want := bytes.Repeat(one, 4); !bytes.Equal(s.Notices, want) {
			t.Errorf("%d bytes of notices, want %d", len(s.Notices), len(want))
		}
		if s.PID() != 7 || !maps.Equal(s.Parameters, map[string]string{"a": "2"}) {
			t.Errorf("pid %d, parameters %v", s.PID(), s.Parameters)
		}
		rest := make([]byte, len(early)-len(s.Early))
		s.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.ReadFull(s, rest); err != nil || !bytes.Equal(append(s.Early, rest...), early) {
			t.Errorf("behind the login %q and %q, %v", s.Early, rest, err)
		}
	}
}
