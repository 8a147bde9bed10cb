package configs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden holds the effective configuration of testdata/*.toml, with the
// environment and the flags beside it, against *.golden.
func TestGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*.toml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no input: %v", err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(input, ".toml")
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			overrides := map[string]string{}
			for _, line := range lines(t, name+".flags") {
				key, value, _ := strings.Cut(line, "=")
				overrides[key] = value
			}
			c, err := Load(input, lines(t, name+".env"), overrides)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := c.Show(&got); err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(name+".golden", got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", &got, want)
			}
		})
	}
}

// lines returns the lines of a file that need not be there.
func lines(t *testing.T, path string) []string {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(c rune) bool { return c == '\n' })
}

func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	verifier := "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy"
	c, err := Load("", []string{"POSTERN_CATALOG_URL=postgres://a:hunter2@b/c", "POSTERN_AUTH_STATS_USERS=bob=" + verifier}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Catalog.URL != "postgres://a:hunter2@b/c" || c.Auth.StatsUsers["bob"] != verifier {
		t.Errorf("loaded %q and %q", c.Catalog.URL, c.Auth.StatsUsers)
	}
	var shown strings.Builder
	if err := c.Show(&shown); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "c2FsdA", "c3RvcmVk"} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%q is shown in\n%s", secret, &shown)
		}
	}
	if !strings.Contains(shown.String(), `stats_users = {bob = "(hidden)"}`) {
		t.Errorf("bob is not shown in\n%s", &shown)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		env        []string
		flags      map[string]string
		want       string // FILE stands for the path
	}{
		{name: "no TOML", file: "[pool]\npin = yes\n",
			want: `FILE:2: expected value but found "yes" instead`},
		{name: "everything at once", file: `
[pool]
default_pool_sise = 3
pin = "yes"
reset = "never"
[poll]
x = 1
[wake]
pg_user = "p"
timeout = 30
max_awake = -1
[meter]
window = "5ms"
`,
			env:   []string{"POSTERN_POOL_PIN=yes", "POSTERN_LIMITS_MAX_CLIENT_CONN=1k", "POSTERN_DRAIN_TIMEOUT=-1s"},
			flags: map[string]string{"log.level": "loud", "http.listne": "x"},
			want: `FILE:3: pool.default_pool_sise: unknown key; the nearest known one is "pool.default_pool_size"
FILE:4: pool.pin: must be true or false, not a string
FILE:5: pool.reset: "never" is none of ["pinned" "change" "always"]
FILE:6: poll: unknown key; the nearest known one is "pool"
FILE:9: wake.pg_user: unknown key; the nearest known one is "wake.process.pg_user"
FILE:10: wake.timeout: "30" has no unit; write for example "30s"
FILE:11: wake.max_awake: -1 is less than 0
FILE:13: meter.window: "5ms" is less than "1s"
POSTERN_DRAIN_TIMEOUT: drain.timeout: "-1s" is no duration; write for example "30s", "10m" or "7d"
POSTERN_LIMITS_MAX_CLIENT_CONN: limits.max_client_conn: "1k" must be a whole number
POSTERN_POOL_PIN: pool.pin: "yes" must be true or false
flag: http.listne: unknown key; the nearest known one is "http.listen"
flag: log.level: "loud" is none of ["debug" "info" "warn" "error"]`},
		{name: "top level", file: "pool_mode = \"session\"\nPool = {}\nmeter = 7\nwake.process = []",
			want: `FILE:1: pool_mode: unknown key; the nearest known one is "pool.pool_mode"
FILE:2: Pool: unknown key; the nearest known one is "pool"
FILE:3: meter: must be a table, not a whole number
FILE:4: wake.process: must be a table, not a list`},
		{name: "types", file: `
[listen]
postgres = 6432
proxy_protocol_from = "10.0.0.1"
[tls]
certificates = [{ cert = "a", kee = "b" }]
[router]
domains = ["a.test", 7]
[auth]
admin_users = { root = ["x"] }
[limits]
max_client_conn = 1.5
query_timeout = 1979-05-27
`,
			want: `FILE:3: listen.postgres: must be a string, not a whole number
FILE:4: listen.proxy_protocol_from: must be a list, not a string
FILE:6: tls.certificates: element 1: unknown key "kee"; the nearest known one is "key"
FILE:8: router.domains: element 2: must be a string, not a whole number
FILE:10: auth.admin_users: root: must be a string, not a list
FILE:12: limits.max_client_conn: must be a whole number, not a number with a fraction
FILE:13: limits.query_timeout: must be a duration such as "30s", or 0`},
		{name: "values", file: `
[listen]
postgres = "localhost"
proxy_protocol_from = ["10.0.0.0/8", "balancer"]
[tls]
certificates = [{ cert = "a" }]
[router]
domains = ["*.db.example.com"]
separator = "-"
[auth]
stats_users.bob = "hunter2"
[wake]
provision_unknown = true
[http]
listen = "127.0.0.1:70000"
`,
			want: `FILE:3: listen.postgres: "localhost" is no address; write host:port, for example "127.0.0.1:6432"
FILE:4: listen.proxy_protocol_from: "balancer" is neither an address nor a network such as "10.0.0.0/8"
FILE:6: tls.certificates: each needs cert = "…" and key = "…"
FILE:8: router.domains: "*.db.example.com" is a pattern; write the domain alone, "db.example.com"
FILE:9: router.separator: "-" must not be empty nor hold what a tenant's id may hold: letters, digits, '-'
FILE:11: auth.stats_users: the value of "bob" must be a verifier, "SCRAM-SHA-256$…", as in pg_authid.rolpassword
FILE:13: wake.provision_unknown: true needs wake.provision_unknown_verifier
FILE:15: http.listen: port "70000" is not in 0 to 65535`},
		{name: "environment", env: []string{
			"POSTERN_CATALOG_URL=a", "POSTERN_CATALOG_URL_FILE=b",
			"POSTERN_AUTH_ADMIN_USERS_FILE=testdata/absent",
			"POSTERN_WAKE_PROCESS_POSTGRES=work_mem",
			"POSTERN_TLS_CERTIFICATES=[{cert",
			"POSTERN_ROUTER_DOMAINS=a..b",
			"POSTERN_ROUTER_REGION=\xff",
		},
			want: `POSTERN_AUTH_ADMIN_USERS_FILE: auth.admin_users: open testdata/absent: no such file or directory
POSTERN_CATALOG_URL: catalog.url: is set, and so is POSTERN_CATALOG_URL_FILE; set one of them
POSTERN_ROUTER_DOMAINS: router.domains: "a..b" is no domain name
POSTERN_ROUTER_REGION: router.region: is not UTF-8
POSTERN_TLS_CERTIFICATES: tls.certificates: must be a list or table as in TOML
POSTERN_WAKE_PROCESS_POSTGRES: wake.process.postgres: must be name=value,name=value`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "postern.toml")
			if err := os.WriteFile(path, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load(path, test.env, test.flags)
			if err == nil {
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), path, "FILE"); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if !reflect.ValueOf(c).IsZero() {
				t.Error("a configuration came with the error")
			}
		})
	}
}

func TestAbsentFile(t *testing.T) {
	t.Parallel()
	if _, err := Load(filepath.Join(t.TempDir(), "absent"), nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	base := Default()
	base.Router.Domains = []string{"db.localhost"}
	base.Catalog.URL = "postgres:///own"
	c, err := base.Overlay("", []string{"POSTERN_CATALOG_URL=postgres:///other"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%v %v %v", c.Router.Domains, c.Catalog.URL, base.Catalog.URL) != "[db.localhost] postgres:///other postgres:///own" {
		t.Errorf("got %v, base %v", c, base)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ env, want string }{
		{"", `catalog.url: is needed for catalog.store = "postgres"`},
		{"POSTERN_CATALOG_STORE=files", `catalog.dir: is needed for catalog.store = "files"`},
		{"POSTERN_TLS_MODE=require", "catalog.url: is needed for catalog.store = \"postgres\"\n" +
			`tls.certificates: is needed for tls.mode = "require"`},
		{"POSTERN_CATALOG_URL=postgres://", ""},
	} {
		c, err := Load("", []string{test.env}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := c.Complete(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.env, got, test.want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	// Small seeds: large ones keep the fuzzer busy with making them smaller.
	f.Add("[pool]\npin = false\n[wake]\ntimeout = \"1d2h\"\nprocess.postgres.jit = true\n")
	f.Add("[[tls.certificates]]\ncert = \"a\"\nkey = \"b\"")
	f.Add("pool.pin = 1\n[[wake]]\n[\"a b\".c]\nd.e = 1")
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		l := newLoader(&c)
		l.file("fuzz", text)
		if err := l.problems.sorted(); err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		// What is shown reads the same again, but for secrets.
		c.Catalog.URL, c.Auth.AdminUsers, c.Auth.StatsUsers = "", nil, nil
		var shown, again strings.Builder
		if err := c.Show(&shown); err != nil {
			t.Fatal(err)
		}
		d := Default()
		l = newLoader(&d)
		l.file("shown", shown.String())
		if err := l.problems.sorted(); err != nil {
			t.Fatalf("%v\n%s", err, &shown)
		}
		if err := d.Show(&again); err != nil {
			t.Fatal(err)
		}
		if shown.String() != again.String() {
			t.Fatalf("shown\n%s\nand again\n%s", &shown, &again)
		}
	})
}
