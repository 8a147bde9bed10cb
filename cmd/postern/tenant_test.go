package main

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/catalog/api/apitest"
	"postern/wake"
)

// A tenant's life, told in commands: what each prints, on which stream, and its
// exit code.
func TestTenantVerbs(t *testing.T) {
	t.Parallel()
	p := start(t)
	log := filepath.Join(p.dataDir, "postgres.log")
	if err := os.WriteFile(log, []byte("one\ttab\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Driver.LogTo(log)
	for _, step := range []struct {
		line   string
		code   int
		stdout string // exact; times as TIME
		stderr string // a part of it
	}{
		{"tenant list", 0, "ID  STATE  DRIVER  REGION  VERSION  CREATED\n", ""},
		{"tenant create acme --label plan=pro --pg-version 15", 0, "postgres://app.acme:made-up-secret@127.0.0.1:6432/app\n", "shown this once"},
		{"tenant create acme", 4, "", "already exists"},
		{"tenant create Bad_Id", 2, "", "a-z"},
		{"tenant create other --driver docker", 2, "", "hint: Drivers: process, database."},
		{"tenant create other --label plan", 2, "", "key=value"},
		{"tenant create other --postgres port=1", 5, "", "Postern's own"},
		{"tenant list", 0, "ID    STATE  DRIVER   REGION  VERSION  CREATED\nacme  awake  process  local   1        TIME\n", ""},
		{"tenant list --state asleep", 0, "ID  STATE  DRIVER  REGION  VERSION  CREATED\n", ""},
		{"tenant list --state tired", 2, "", "query.state"},
		{"tenant list --label plan=free", 0, "ID  STATE  DRIVER  REGION  VERSION  CREATED\n", ""},
		{"tenant url acme", 0, "postgres://app.acme@127.0.0.1:6432/app\n", ""},
		{"tenant url nobody", 3, "", `there is no tenant "nobody"`},
		{"tenant wake acme", 0, "ID    STATUS\nacme  already_awake\n", ""},
		{"tenant suspend acme", 0, "ID    STATUS\nacme  asleep\n", ""},
		{"tenant suspend acme", 0, "ID    STATUS\nacme  already_asleep\n", ""},
		{"tenant logs acme -n 1", 0, "two\n", ""},
		{"tenant logs acme", 0, "one\ttab\ntwo\n", ""},
		{"tenant logs acme -n 0", 2, "", "--lines"},
		{"tenant move acme --driver database", 0, "ID    STATUS\nacme  asleep\n", ""},
		{"tenant move acme --driver database", 0, "ID    STATUS\nacme  already_asleep\n", ""},
		{"tenant move acme --driver none", 2, "", "Drivers: process, database."},
		{"tenant move acme", 2, "", "driver"},
		{"tenant move acme --driver process", 0, "ID    STATUS\nacme  asleep\n", ""},
		{"tenant pause acme", 0, "ID    STATUS\nacme  paused\n", ""},
		{"tenant wake acme", 4, "", "hint: Resume it first."},
		{"tenant resume acme", 0, "ID    STATUS\nacme  asleep\n", ""},
		{"tenant update acme --label plan- --label tier=gold --if-version 7", 4, "", "version 3"},
		{"tenant update acme --label plan", 2, "", "neither key=value nor key-"},
		{"tenant reset-password acme", 0, "postgres://app.acme:made-up-secret@127.0.0.1:6432/app\n", "shown this once"},
		{"tenant reset-password acme --role nobody", 3, "", "no role"},
		{"tenant role create acme reader --read-only", 0, "postgres://reader.acme:made-up-secret@127.0.0.1:6432/app\n", "shown this once"},
		{"tenant role create acme reader", 4, "", "has a role"},
		{"tenant role create acme postgres", 5, "", "belongs to"},
		{"tenant role list acme", 0, "NAME    LOGIN  PASSWORD  READ ONLY  VALID UNTIL\napp     true   true      false      -\nreader  true   true      true       -\n", ""},
		{"tenant role drop acme reader", 2, "", "--yes"},
		{"tenant role drop acme reader --yes", 0, "TENANT  NAME    STATUS\nacme    reader  dropped\n", ""},
		{"tenant role drop acme reader --yes", 3, "", "no role"},
		{"tenant database create acme shop --owner app", 0, "postgres://app.acme@127.0.0.1:6432/shop\n", ""},
		{"tenant database create acme shop", 4, "", "has a database"},
		{"tenant database list acme", 0, "NAME\napp\nshop\n", ""},
		{"tenant database drop acme shop -y", 0, "TENANT  NAME  STATUS\nacme    shop  dropped\n", ""},
		{"tenant database drop acme template1 -y", 5, "", "belongs to"},
		{"tenant delete acme", 2, "", "Delete tenant acme needs --yes"},
		{"tenant delete acme --yes", 0, "ID    STATUS\nacme  deleting\n", ""},
		{"tenant delete acme --yes", 0, "ID    STATUS\nacme  already_deleting\n", ""},
		{"tenant create acme", 4, "", "already exists"},
		{"tenant undelete acme", 0, "ID    STATUS\nacme  asleep\n", ""},
		{"tenant delete acme --purge --yes", 0, "ID    STATUS\nacme  deleting\n", ""},
		{"tenant get acme", 3, "", "there is no tenant"},
		{"tenant create acme --no-wait", 0, "postgres://app.acme:made-up-secret@127.0.0.1:6432/app\n", "provisioning"},
	} {
		r := p.postern(t, step.line)
		if got := anyTime.ReplaceAllString(r.stdout, "TIME"); r.code != step.code || got != step.stdout || !strings.Contains(r.stderr, step.stderr) {
			t.Errorf("postern %s: exit code %d, want %d\nstdout %q\nwant   %q\nstderr %q\nwant … %q", step.line, r.code, step.code, got, step.stdout, r.stderr, step.stderr)
		}
		if strings.Contains(r.stdout+r.stderr, "\x1b") {
			t.Errorf("postern %s: colour without a terminal", step.line)
		}
	}
}

var anyTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

func TestTenantCreateJSON(t *testing.T) {
	t.Parallel()
	p := start(t)
	got := anyTime.ReplaceAllString(p.must(t, "tenant create acme -o json"), "TIME")
	want := `{"id":"acme","state":"awake","driver":"process","region":"local","url":"postgres://app.acme:made-up-secret@127.0.0.1:6432/app","version":1,"created_at":"TIME"}` + "\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// Whatever prints data prints it as JSON too, with at least these keys.
func TestJSON(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.must(t, "tenant create acme")
	log := filepath.Join(p.dataDir, "postgres.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Driver.LogTo(log)
	config := filepath.Join(p.dataDir, "postern.toml")
	if err := os.WriteFile(config, []byte("[catalog]\nstore = \"files\"\ndir = \"/nowhere\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ line, keys string }{
		{"tenant list", "tenants"},
		{"tenant get acme", "awake_because backend created_at driver hostnames id labels last_active_at postgres quota region schema_version settings state url version"},
		{"tenant update acme --region eu --pool-mode session --hostname acme.example.com --set a=b", "id region hostnames settings version"},
		{"tenant url acme", "id url"},
		{"tenant reset-password acme", "id role url version"},
		{"tenant wake acme", "id state status"},
		{"tenant suspend acme --timeout 5s --force", "id state status"},
		{"tenant move acme --driver database --timeout 5s", "id state status driver"},
		{"tenant pause acme --timeout 5s", "id state status"},
		{"tenant resume acme", "id state status"},
		{"tenant role create acme reader", "tenant name url read_only"},
		{"tenant role list acme", "roles"},
		{"tenant role drop acme reader --yes", "tenant name status"},
		{"tenant database create acme shop", "tenant name owner url"},
		{"tenant database list acme", "databases"},
		{"tenant database drop acme shop --yes", "tenant name status"},
		{"tenant logs acme", "id lines"},
		{"tenant delete acme --yes", "id state status"},
		{"tenant undelete acme", "id state status"},
		{"config check " + config, "file valid"},
		{"config show " + config, "catalog listen wake"},
		{"explain postgres://app.acme@127.0.0.1/app", "tenant carrier role database pool_mode state outcome"},
		{"version", "version go"},
	} {
		for _, flag := range []string{" --json", " -o json"} {
			if flag == " -o json" && strings.Contains(test.line, " create ") || strings.Contains(test.line, " drop ") && flag == " -o json" {
				continue // once is enough for what cannot be repeated
			}
			out := p.must(t, test.line+flag)
			var fields map[string]any
			if err := json.Unmarshal([]byte(out), &fields); err != nil {
				t.Errorf("postern %s: %v in %s", test.line+flag, err, out)
				continue
			}
			for _, key := range strings.Fields(test.keys) {
				if _, ok := fields[key]; !ok {
					t.Errorf("postern %s: no %s among %v", test.line+flag, key, slices.Sorted(maps.Keys(fields)))
				}
			}
		}
	}
}

func TestTenantGet(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.must(t, "tenant create acme --label plan=pro --hostname DB.acme.example --set color=blue --postgres work_mem=8MB --pool-mode session --idle-timeout 10m")
	out := p.must(t, "tenant get acme")
	for _, line := range []string{
		"id                  acme", "state               awake", "label plan          pro", "hostnames           db.acme.example",
		"setting color       blue", "postgres work_mem   8MB", "pool mode           session", "idle timeout        10m", "backend data_dir    /nowhere/acme",
		"awake because       session 7: a statement",
	} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("no line %q in\n%s", line, out)
		}
	}
	if strings.Contains(out, apitest.MadeUp) {
		t.Error("the password is shown")
	}
}

func TestTenantListPages(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.must(t, "tenant create b")
	p.must(t, "tenant create a")
	out := p.must(t, "tenant list --json")
	var list struct{ Tenants []struct{ ID string } }
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Tenants) != 2 || list.Tenants[0].ID != "a" || strings.Contains(out, "cursor") {
		t.Errorf("got %s", out)
	}
}

func TestPasswordStdin(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, test := range []struct{ line, stdin, stdout string }{
		{"tenant create acme --password-stdin", "s3cret\r\nmore\n", "postgres://app.acme:s3cret@127.0.0.1:6432/app\n"},
		{"tenant role create acme x --password-stdin", "no end of line", "postgres://x.acme:no end of line@127.0.0.1:6432/app\n"},
		{"tenant reset-password acme --password-stdin", "SCRAM-SHA-256$4096:c2FsdA==$a:b\n", "postgres://app.acme@127.0.0.1:6432/app\n"},
	} {
		r := command{args: strings.Fields(test.line), stdin: test.stdin, env: p.env()}.run(t.Context())
		if r.code != exitDone || r.stdout != test.stdout {
			t.Errorf("postern %s: %+v", test.line, r)
		}
	}
	if r := p.postern(t, "tenant create other --password-stdin"); r.code != exitUsage {
		t.Errorf("without a password on stdin: %+v", r)
	}
	if strings.Contains(p.Log(), "s3cret") {
		t.Error("the password is in the log")
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.must(t, "tenant create acme")
	for _, test := range []struct {
		answer string
		code   int
	}{
		{"n\n", exitFailed}, {"\n", exitFailed}, {"", exitFailed}, {"Yes\n", exitDone},
	} {
		r := command{args: []string{"tenant", "delete", "acme", "--purge"}, stdin: test.answer, env: p.env(), terminal: true}.run(t.Context())
		if r.code != test.code || !strings.HasPrefix(r.stderr, "Delete tenant acme and its data for good? [y/N] ") {
			t.Errorf("answer %q: %+v", test.answer, r)
		}
	}
}

func TestBusyTenant(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.must(t, "tenant create acme")
	p.Driver.Busy("a statement")
	if r := p.postern(t, "tenant suspend acme --timeout 0s"); r.code != exitConflict || !strings.Contains(r.stderr, "a statement") {
		t.Errorf("got %+v", r)
	}
	p.must(t, "tenant suspend acme --force")
}

func TestFailedTenant(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Driver.Fail(&wake.FailedError{Reason: "no binaries", Hint: "Install postgresql-18.", Log: "line one\nline two"})
	r := p.postern(t, "tenant create acme")
	want := "no binaries\nlog: line one\nlog: line two\nhint: Install postgresql-18.\n"
	if r.code != exitFailed || !strings.HasSuffix(r.stderr, want) || r.stdout != "" {
		t.Errorf("got %+v", r)
	}
}

func TestPsql(t *testing.T) {
	t.Parallel()
	if _, err := findPsql(); err != nil {
		t.Skip("there is no psql")
	}
	p := start(t)
	p.must(t, "tenant create acme")
	p.must(t, "tenant suspend acme")
	var got []string
	c := command{env: p.env(), exec: func(path string, args, env []string) error {
		got = append([]string{filepath.Base(path)}, args...)
		if !slices.Equal(env, p.env()) {
			t.Errorf("environment is %v", env)
		}
		return errors.New("stays here")
	}}
	c.args = []string{"tenant", "psql", "acme", "-d", "shop", "--", "-c", "select 1"}
	if r := c.run(t.Context()); r.code != exitFailed || !strings.Contains(r.stderr, "stays here") {
		t.Errorf("got %+v", r)
	}
	want := []string{"psql", "psql", "--host=/nowhere", "--port=5432", "--username=postgres", "--dbname=shop", "-c", "select 1"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if n := p.Driver.Starts(); n != 2 {
		t.Errorf("started %d times", n)
	}
	for _, line := range []string{"tenant psql", "tenant psql -- -c x", "tenant psql acme more"} {
		if r := p.postern(t, line); r.code != exitUsage {
			t.Errorf("postern %s: %+v", line, r)
		}
	}
}
