package auth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// dial connects to a real PostgreSQL and sends the startup packet; it returns
// the mechanisms that are offered.
func dial(t *testing.T, target pgtest.Target) (*pgproto3.Frontend, []string) {
	t.Helper()
	conn, err := net.Dial(target.Network, target.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if target.TLS != nil {
		var answer [1]byte
		_, err1 := conn.Write([]byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f})
		_, err2 := conn.Read(answer[:])
		if err := errors.Join(err1, err2); err != nil || answer[0] != 'S' {
			t.Fatalf("answer %q, %v", answer, err)
		}
		conn = tls.Client(conn, target.TLS)
	}
	frontend := pgproto3.NewFrontend(conn, conn)
	frontend.Send(&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      map[string]string{"user": target.User, "database": target.Database},
	})
	message, err := ask(frontend)
	sasl, ok := message.(*pgproto3.AuthenticationSASL)
	if !ok {
		t.Fatalf("%T, %v", message, err)
	}
	return frontend, slices.Clone(sasl.AuthMechanisms)
}

// ask sends what is pending and reads one answer.
func ask(frontend *pgproto3.Frontend) (pgproto3.BackendMessage, error) {
	if err := frontend.Flush(); err != nil {
		return nil, err
	}
	return frontend.Receive()
}

// PostgreSQL itself answers malformed messages with the codes and messages that
// Server has.
func TestErrorsArePostgreSQLs(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major, TLS: true})
		plain, secure := pg.Target("app", "app"), pg.TLSTarget("app", "app")
		check := func(name, code, message string, answer pgproto3.BackendMessage, err error) {
			t.Helper()
			refused, ok := answer.(*pgproto3.ErrorResponse)
			if !ok {
				t.Errorf("%s: PostgreSQL answers %T, %v", name, answer, err)
			} else if refused.Code != code || refused.Message != message {
				t.Errorf("%s: PostgreSQL says %s %q (%s), want %s %q", name, refused.Code, refused.Message, refused.Detail, code, message)
			}
		}
		for _, test := range firstMessages {
			target, mechanism := plain, ScramSHA256
			if test.offered {
				target = secure
			}
			if test.plus {
				mechanism = ScramSHA256Plus
			}
			frontend, _ := dial(t, target)
			frontend.Send(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: []byte(test.msg)})
			answer, err := ask(frontend)
			check(test.name, test.code, test.message, answer, err)
		}
		for _, test := range finalMessages {
			frontend, _ := dial(t, plain)
			frontend.Send(&pgproto3.SASLInitialResponse{AuthMechanism: ScramSHA256, Data: []byte(rfcClientFirst)})
			answer, err := ask(frontend)
			challenge, ok := answer.(*pgproto3.AuthenticationSASLContinue)
			if !ok {
				t.Fatalf("%T, %v", answer, err)
			}
			nonce, _, _ := strings.Cut(strings.TrimPrefix(string(challenge.Data), "r="), ",")
			frontend.Send(&pgproto3.SASLResponse{Data: []byte(strings.ReplaceAll(test.msg, "NONCE", nonce))})
			answer, err = ask(frontend)
			check(test.name, test.code, test.message, answer, err)
		}
		frontend, _ := dial(t, plain)
		frontend.Send(&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-1", Data: []byte(rfcClientFirst)})
		answer, err := ask(frontend)
		check("other mechanism", "08P01", "client selected an invalid SASL authentication mechanism", answer, err)
	})
}

// loginByKeys logs in at a real PostgreSQL without a password.
func loginByKeys(t *testing.T, target pgtest.Target, keys LoginKeys) error {
	t.Helper()
	frontend, mechanisms := dial(t, target)
	if target.TLS != nil && mechanisms[0] != ScramSHA256Plus {
		t.Errorf("mechanisms %v", mechanisms)
	}
	c := NewClient(keys)
	mechanism, first, err := c.ClientFirst(mechanisms)
	if err != nil {
		return err
	}
	frontend.Send(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: first})
	for {
		answer, err := ask(frontend)
		if err != nil {
			return err
		}
		switch answer := answer.(type) {
		case *pgproto3.AuthenticationSASLContinue:
			final, err := c.ClientFinal(answer.Data)
			if err != nil {
				return err
			}
			frontend.Send(&pgproto3.SASLResponse{Data: final})
		case *pgproto3.AuthenticationSASLFinal:
			if err := c.Verify(answer.Data); err != nil {
				return err
			}
		case *pgproto3.AuthenticationOk:
			return nil
		case *pgproto3.ErrorResponse:
			return fmt.Errorf("%s %s", answer.Code, answer.Message)
		default:
			return fmt.Errorf("unexpected %T", answer)
		}
	}
}

// What a client has proved here logs in at the server that the
// verifier comes from, until the password changes there.
// Promises: B36.
func TestB36LoginByKeys(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major, TLS: true})
		v, err := ParseVerifier(pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'"))
		if err != nil {
			t.Fatal(err)
		}
		l := listen(t, v, nil)
		dsn := fmt.Sprintf("host=127.0.0.1 port=%d user=app dbname=app sslmode=disable", l.port())
		if out, err := pgx(t, pgtest.Password, dsn); err != nil {
			t.Fatal(out, err)
		}
		l.mu.Lock()
		keys := LoginKeys{ClientKey: l.proofs[0].ClientKey, Verifier: v}
		l.mu.Unlock()

		for _, target := range []pgtest.Target{pg.Target("app", "app"), pg.SocketTarget("app", "app"), pg.TLSTarget("app", "app")} {
			if err := loginByKeys(t, target, keys); err != nil {
				t.Errorf("%s, TLS %t: %v", target.Network, target.TLS != nil, err)
			}
		}
		wrong := keys
		wrong.ClientKey = clientKeyOf("wrong", v)
		if err := loginByKeys(t, pg.Target("app", "app"), wrong); err == nil || !strings.HasPrefix(err.Error(), wire.InvalidPassword) {
			t.Errorf("wrong key: %v", err)
		}
		pg.Exec(t, "alter role app password 'another'")
		if err := loginByKeys(t, pg.Target("app", "app"), keys); !errors.Is(err, ErrOtherVerifier) {
			t.Errorf("after a change of the password: %v", err)
		}
	})
}

// Verifiers are PostgreSQL's, also for passwords that SASLprep changes or
// refuses: one made there matches here, and one made here lets libpq in there.
func TestPasswordsAsPostgreSQL(t *testing.T) {
	t.Parallel()
	passwords := []string{
		"plain",
		"with 'quotes' and \\",
		" spaces ",
		"I\u00adX",           // soft hyphen: dropped
		"\u00ad",             // nothing left: as it is
		"a\u00a0b\u3000c",    // spaces of other kinds
		"\u200bzero width",   // both a space and nothing, by RFC 3454
		"\u2168\ufb01\u00aa", // compatibility forms
		"u\u0308",            // combining
		"\U0001f600",         // unassigned in Unicode 3.2
		"\ufb01\U0001f600",   // so that the ligature stays, too
		"a\u0007b",           // control character
		"a\u0085\ufb01",      // control character beyond ASCII
		"\u0627\u0628",       // from right to left
		"\u0627b\ufb01",      // in both directions
		"\u06271\ufb01",      // ends in no letter
		"\ue000\ufb01",       // private use
		"\ufdd0\ufb01",       // no character
		"\u0340\ufb01",       // deprecated
		"\U000e0001\ufb01",   // tag
		strings.Repeat("\ufb01", 300),
	}
	pg := pgtest.Start(t, pgtest.Config{})
	for i, password := range passwords {
		there := pg.Exec(t, fmt.Sprintf("create role there%d login password '%s'; select rolpassword from pg_authid where rolname = 'there%[1]d'",
			i, strings.ReplaceAll(password, "'", "''")))
		v, err := ParseVerifier(there)
		if err != nil {
			t.Errorf("%+.40q: %v", password, err)
		} else if !v.Matches(password) {
			t.Errorf("%+.40q: PostgreSQL's verifier does not match", password)
		}
		if again := v.String(); again != there {
			t.Errorf("%+.40q: the verifier is written in another way", password)
		}
	}
	installed := psqls(t)
	for i, password := range append(passwords, "\xff\xfe\ufb01") { // not UTF-8
		pg.Exec(t, fmt.Sprintf("create role here%d login password '%s'", i, NewVerifier(password).String()))
		for version, path := range installed {
			out, err := psql(t, path, password, fmt.Sprintf("host=127.0.0.1 port=%d user=here%d dbname=app", pg.Port, i))
			if err != nil {
				t.Errorf("%+.40q: %s is not let in: %s", password, version, out)
			}
		}
	}
}
