package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The commands of the contract. Those that no issue has brought yet may be
// missing; nothing else may be there.
const (
	commands = `
config check
config example
config show
dev
explain
serve
tenant create
tenant database create
tenant database drop
tenant database list
tenant extension create
tenant delete
tenant get
tenant list
tenant logs
tenant move
tenant pause
tenant psql
tenant reset-password
tenant resume
tenant role create
tenant role drop
tenant role list
tenant suspend
tenant undelete
tenant update
tenant url
tenant wake
version`
	laterCommands = `
console
quota get
quota set
token create
token list
token revoke
usage export
usage get
usage top`
)

func TestCommands(t *testing.T) {
	t.Parallel()
	var found []string
	for _, cmd := range leaves(newRootCommand(&app{})) {
		found = append(found, strings.TrimPrefix(cmd.CommandPath(), "postern "))
	}
	for _, name := range lines(commands) {
		if !slices.Contains(found, name) {
			t.Errorf("there is no command %q", name)
		}
	}
	for _, name := range found {
		if !slices.Contains(lines(commands+laterCommands), name) {
			t.Errorf("the contract has no command %q", name)
		}
	}
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

// leaves returns the commands below cmd that hold no others.
func leaves(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	var all []*cobra.Command
	for _, child := range cmd.Commands() {
		all = append(all, leaves(child)...)
	}
	return all
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, cmd := range leaves(newRootCommand(&app{})) {
		path := strings.Fields(cmd.CommandPath())[1:]
		r := command{args: append(path, "--help")}.run(t.Context())
		if r.code != exitDone || r.stderr != "" || !strings.Contains(r.stdout, "Usage:\n  postern "+strings.Join(path, " ")) {
			t.Errorf("postern %s --help: %+v", strings.Join(path, " "), r)
		}
	}
	for _, group := range []string{"", "tenant", "tenant role", "tenant database", "config"} {
		r := command{args: strings.Fields(group)}.run(t.Context())
		if r.code != exitDone || !strings.Contains(r.stdout, "Available Commands:") {
			t.Errorf("postern %s: %+v", group, r)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, says string }{
		{"tenat", "Did you mean: tenant?"},
		{"tenant bogus", "unknown command"},
		{"tenant rol", "Did you mean: url, role?"},
		{"tenant role", ""},
		{"tenant get", "missing ID"},
		{"tenant get a b", `unexpected argument "b"`},
		{"tenant role create a", "missing ROLE"},
		{"tenant database drop a", "missing DATABASE"},
		{"tenant list --bogus", "--bogus"},
		{"tenant list -o yaml", "want table or json"},
		{"tenant suspend a --timeout soon", "timeout"},
		{"tenant list --server acme:6480", "http"},
		{"config check", "missing FILE"},
		{"explain", "missing DSN"},
		{"version 2", "unexpected"},
	} {
		r := command{args: strings.Fields(test.line)}.run(t.Context())
		want := exitUsage
		if test.says == "" {
			want = exitDone // a group alone prints its help
		}
		if r.code != want || !strings.Contains(r.stderr, test.says) {
			t.Errorf("postern %s: %+v", test.line, r)
		}
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	empty := command{args: []string{"tenant", "list", "--data-dir", shortTempDir(t)}}
	if r := empty.run(t.Context()); r.code != exitUnavailable || !strings.Contains(r.stderr, "no Postern runs on") {
		t.Errorf("no socket: %+v", r)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if r := (command{args: []string{"tenant", "list", "--server", gone.URL}}).run(t.Context()); r.code != exitUnavailable {
		t.Errorf("no server: %+v", r)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	dir := shortTempDir(t)
	serve(t, dir, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		interrupt()
		<-r.Context().Done() // the command hangs up
	}))
	r := command{args: []string{"tenant", "wake", "acme", "--data-dir", dir}}.run(ctx)
	if r.code != exitInterrupted || r.stderr != "postern: interrupted\n" {
		t.Errorf("got %+v", r)
	}
}

// Nor does a question that nobody answers hold the process up.
func TestInterruptedQuestion(t *testing.T) {
	t.Parallel()
	stdin, typist := io.Pipe()
	t.Cleanup(func() { _ = typist.Close() })
	for _, line := range []string{"tenant delete acme", "tenant create acme --password-stdin"} {
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		code := run(ctx, &app{stdin: stdin, stdout: io.Discard, stderr: io.Discard, args: strings.Fields(line), terminal: true})
		if code != exitInterrupted {
			t.Errorf("postern %s: exit code %d", line, code)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"tenants":[]}`))
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		flags, env string
		code       int
	}{
		{"--token s3cret", "", exitDone},
		{"", "POSTERN_TOKEN=s3cret", exitDone},
		{"", "POSTERN_TOKEN_FILE=" + file, exitDone},
		{"", "", exitRefused},
		{"--token wrong", "POSTERN_TOKEN=s3cret", exitRefused},
		{"", "POSTERN_TOKEN_FILE=/nowhere", exitUsage},
		{"", "POSTERN_TOKEN=s3cret POSTERN_TOKEN_FILE=" + file, exitUsage},
	} {
		line := "tenant list --server " + server.URL + " " + test.flags
		r := command{args: strings.Fields(line), env: strings.Fields(test.env)}.run(t.Context())
		if r.code != test.code {
			t.Errorf("%q, %q: %+v", test.flags, test.env, r)
		}
		if strings.Contains(r.stderr, "s3cret") {
			t.Errorf("the token is in %s", r.stderr)
		}
	}
}

func TestDataDir(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env  string
		root bool
		want string
	}{
		{"POSTERN_DATA_DIR=/data HOME=/home/u XDG_DATA_HOME=/xdg", true, "/data"},
		{"HOME=/root XDG_DATA_HOME=/xdg", true, "/var/lib/postern"},
		{"HOME=/home/u XDG_DATA_HOME=/xdg", false, "/xdg/postern"},
		{"HOME=/home/u XDG_DATA_HOME=relative", false, "/home/u/.local/share/postern"},
		{"HOME=/home/u", false, "/home/u/.local/share/postern"},
		{"", false, ""},
	} {
		a := &app{env: strings.Fields(test.env)}
		got, err := a.dataDirOf(test.root)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%q, root %v: %q, %v; want %q", test.env, test.root, got, err, test.want)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.toml", "[catalog]\nurl = \"postgres://u:hunter2@h/d\"\n[wake]\ntimeout = \"7s\"\n")
	bad := write("bad.toml", "[wake]\ntimeot = \"7s\"\n")
	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"check", good}, exitDone, good + " is valid\n", ""},
		{[]string{"check", bad}, exitUsage, "", `wake.timeot: unknown key; the nearest known one is "wake.timeout"`},
		{[]string{"check", write("empty.toml", "")}, exitUsage, "", "catalog.url"},
		{[]string{"check", filepath.Join(dir, "nowhere.toml")}, exitUsage, "", "nowhere.toml"},
		{[]string{"show", good}, exitDone, `timeout = "7s"`, ""},
		{[]string{"show"}, exitDone, `timeout = "30s"`, ""},
		{[]string{"show", good, bad}, exitUsage, "", "unexpected argument"},
		{[]string{"example"}, exitDone, "[wake.process]", ""},
	} {
		r := command{args: append([]string{"config"}, test.args...)}.run(t.Context())
		if r.code != test.code || !strings.Contains(r.stdout, test.stdout) || !strings.Contains(r.stderr, test.stderr) {
			t.Errorf("postern config %v: %+v", test.args, r)
		}
		if strings.Contains(r.stdout+r.stderr, "hunter2") {
			t.Errorf("postern config %v shows the password", test.args)
		}
	}
	r := command{args: []string{"config", "show"}, env: []string{"POSTERN_WAKE_TIMEOUT=9s"}}.run(t.Context())
	if !strings.Contains(r.stdout, `timeout = "9s"`) {
		t.Errorf("the environment does not count: %+v", r)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.must(t, "tenant create acme --hostname db.acme.example --pool-mode transaction")
	p.must(t, "tenant create resting")
	p.must(t, "tenant suspend resting")
	p.must(t, "tenant create stopped")
	p.must(t, "tenant pause stopped")
	config := filepath.Join(t.TempDir(), "postern.toml")
	if err := os.WriteFile(config, []byte("[router]\ndomains = [\"db.example.com\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args string
		want string // tenant carrier role database pool_mode outcome
	}{
		{"postgres://app.acme:hunter2@127.0.0.1:6432/shop", "acme user app shop transaction connected at once"},
		{"postgres://app:hunter2@acme.db.localhost:6432/?sslmode=require", "acme sni app app transaction connected at once"},
		{"postgres://app@db.acme.example/x?sslmode=require", "acme hostname app x transaction connected at once"},
		{"postgres://app@acme-pooler.db.example.com/x?sslmode=require --config " + config, "acme sni app x transaction connected at once"},
		{"postgres://app.resting@h/app?hostaddr=127.0.0.1&keepalives=1", "resting user app app transaction connected; the first query wakes the tenant"},
		{"postgres://app@h/app?sslmode=disable&options=tenant%3Dresting%20pool_mode%3Dtransaction", "resting options app app transaction connected; the first query wakes the tenant"},
		{"postgres://app.stopped@h/app", "stopped user app app transaction refused: the tenant is paused (57P03)"},
		{"postgres://app.nobody@h/app", "nobody user app app transaction refused: there is no such tenant (28P01)"},
		{"postgres://guest.acme@h/app", "acme user guest app transaction refused: the tenant has no such role with a password (28P01)"},
	} {
		var values []string
		for line := range strings.Lines(p.must(t, "explain "+test.args)) {
			name, value, _ := strings.Cut(line, "  ")
			if name != "state" {
				values = append(values, strings.TrimSpace(value))
			}
		}
		if got := strings.Join(values, " "); got != test.want {
			t.Errorf("postern explain %s\ngot  %s\nwant %s", test.args, got, test.want)
		}
	}

	for _, test := range []struct{ args, says string }{
		{"postgres://app:hunter2@127.0.0.1/app", "hint: Name the tenant"},
		{"postgres://app.acme:hunter2@other.db.localhost/app?sslmode=require", "28000"},
		{"postgres://app:hunter2@h:port/app", "port"},
	} {
		r := p.postern(t, "explain "+test.args)
		if r.code != exitUsage || !strings.Contains(r.stderr, test.says) || strings.Contains(r.stderr, "hunter2") {
			t.Errorf("postern explain %s: %+v", test.args, r)
		}
	}

	r := command{args: []string{"explain", "postgres://app.acme@h/app", "--data-dir", shortTempDir(t)}}.run(t.Context())
	if r.code != exitDone || !strings.Contains(r.stdout, "unknown") || !strings.Contains(r.stderr, "no Postern runs") {
		t.Errorf("without a Postern: %+v", r)
	}
}
