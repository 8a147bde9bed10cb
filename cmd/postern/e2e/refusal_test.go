package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// TestRefusals holds how logins fail, and that none of them wakes anybody.
// Promises: B30, B31, J1.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	acme := d.createTenant(t, "acme")
	beta := d.createTenant(t, "beta")

	t.Run("unknown database", func(t *testing.T) {
		direct, through := acme.direct(t), acme.target()
		direct.Database, through.Database = "nosuch", "nosuch"
		if diff := pgtest.Diff(login(t, direct), login(t, through)); diff != "" {
			t.Errorf("- at PostgreSQL directly, + through Postern\n%s", diff)
		}
		if last := login(t, through); !strings.Contains(strings.Join(last, "\n"), `C="3D000"`) {
			t.Errorf("no 3D000:\n%s", strings.Join(last, "\n"))
		}
	})

	acme.suspend(t)
	beta.suspend(t)
	before := d.wakes(t)

	t.Run("the same for whoever is unknown", func(t *testing.T) {
		wrong := acme.target()
		wrong.Password = "wrong"
		want := masked(login(t, wrong), wrong.User)
		if !strings.Contains(strings.Join(want, "\n"), `ErrorResponse S="FATAL" V="FATAL" C="28P01" M="password authentication failed for user \"<user>\""`) {
			t.Errorf("a wrong password:\n%s", strings.Join(want, "\n"))
		}
		for what, user := range map[string]string{
			"unknown role": "nosuch.acme", "unknown tenant": "app.nosuch", "neither": "nosuch.nosuch",
			"a superuser": "postgres.acme", "a group": "pg_read_all_data.acme",
		} {
			target := acme.target() // with the right password of somebody else
			target.User = user
			if diff := pgtest.Diff(want, masked(login(t, target), user)); diff != "" {
				t.Errorf("%s: - as for a wrong password, + instead\n%s", what, diff)
			}
		}
	})

	t.Run("no tenant named", func(t *testing.T) {
		target := acme.target()
		target.User = "app"
		refused(t, target, "28000", "tenant")
	})
	t.Run("two tenants named", func(t *testing.T) {
		target := acme.target()
		target.TLS = d.trust(t, beta.hostname())
		refused(t, target, "28000", `user name "app.beta"`)
		refused(t, acme.target().WithOptions("tenant=beta"), "28000", `user name "app.beta"`)
	})
	t.Run("by psql", func(t *testing.T) {
		r := psql{DSN: acme.dsnOf("app", "wrong"), Args: []string{"-c", "select 1"}}.run(t)
		if r.code != 2 || !strings.Contains(r.stderr, `FATAL:  password authentication failed for user "app.acme"`) {
			t.Errorf("exit code %d: %s", r.code, r.stderr)
		}
	})

	if woken := d.wakes(t) - before; woken != 0 {
		t.Errorf("refused logins woke %v instances", woken)
	}
	acme.mustSleep(t, "refused logins")
	beta.mustSleep(t, "refused logins")
}

// login records a login.
func login(t testing.TB, target pgtest.Target) []string {
	t.Helper()
	return pgtest.Record(t, target, pgtest.Script{})
}

// refused logs in and fails the test unless it is refused with this SQLSTATE and
// a hint that contains a text.
func refused(t testing.TB, target pgtest.Target, code, hint string) {
	t.Helper()
	if last := refusal(t, target); last.Severity != "FATAL" || last.Code != code || !strings.Contains(last.Hint, hint) {
		t.Errorf("%s %s: %s (hint: %s); want FATAL %s and a hint with %q", last.Severity, last.Code, last.Message, last.Hint, code, hint)
	}
}

// refusal logs in and returns the error, all empty for none.
func refusal(t testing.TB, target pgtest.Target) *pgproto3.ErrorResponse {
	t.Helper()
	c := pgtest.Dial(t, target)
	defer c.Close()
	greeting := c.Startup()
	if len(greeting) == 0 {
		t.Fatalf("no answer: %v", c.Err())
	}
	return greeting[len(greeting)-1].Error()
}

// differs is what differs between two refusals of the same kind: a salt of 16
// bytes and the session's name.
var differs = regexp.MustCompile(`s=[A-Za-z0-9+/]{22}==|Session [0-9a-f]+`)

// masked hides what may differ between two refusals.
func masked(lines []string, user string) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		line = strings.ReplaceAll(line, fmt.Sprintf(`\"%s\"`, user), `\"<user>\"`)
		all[i] = differs.ReplaceAllStringFunc(line, func(found string) string { return found[:2] + "<masked>" })
	}
	return all
}

// trust is how a client verifies Postern's certificate for a name, which it also
// sends as SNI.
func (d *daemon) trust(t testing.TB, name string) *tls.Config {
	t.Helper()
	authority, err := os.ReadFile(d.dataDir + "/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		t.Fatal("ca.crt holds no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: name}
}
