package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/configs"
	"postern/proxy/auth"
)

var consoleAddress = &net.TCPAddr{IP: net.IPv4zero, Port: 7777}

func TestConsoleDSN(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := configs.Default()
	password, err := withConsoleUser(&first, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeConsoleDSN(dir, consoleAddress, password); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "console.dsn")
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file is %v, %v, want 0600", info.Mode(), err)
	}
	text, _ := os.ReadFile(file)
	if want := "postgres://postern:" + password + "@127.0.0.1:7777/postern\n"; string(text) != want {
		t.Errorf("it holds %q, want %q", text, want)
	}

	// The next run keeps the password.
	second := configs.Default()
	if again, err := withConsoleUser(&second, dir); err != nil || again != password {
		t.Errorf("then %q, %v", again, err)
	}
	verifier, err := auth.ParseVerifier(second.Auth.AdminUsers["postern"])
	if err != nil || !verifier.Matches(password) {
		t.Errorf("the user has not the password: %v", err)
	}

	// A user that the configuration has is left alone.
	third := configs.Default()
	third.Auth.AdminUsers = map[string]string{"postern": "SCRAM-SHA-256$own"}
	password, err = withConsoleUser(&third, dir)
	if err != nil || password != "" || third.Auth.AdminUsers["postern"] != "SCRAM-SHA-256$own" {
		t.Errorf("got %q, %v", password, err)
	}
	if err := writeConsoleDSN(dir, consoleAddress, password); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// consoleRun runs `postern console` and returns what psql would have got.
func consoleRun(t *testing.T, dir string, args ...string) (code int, psql, env []string, stderr string) {
	t.Helper()
	var said bytes.Buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &said, stderr: &said,
		env:  []string{"PGPASSWORD=other", "PGSERVICE=other", "PGSSLMODE=disable"},
		exec: func(_ string, args, environment []string) error { psql, env = args, environment; return nil },
	}
	cmd := newConsoleCommand(a)
	cmd.SetArgs(append([]string{"--data-dir", dir}, args...))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	if psql != nil {
		return exitDone, psql, env, said.String()
	}
	a.report(err)
	return exitCode(t.Context(), err), nil, nil, said.String()
}

func TestConsoleCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, _, stderr := consoleRun(t, dir); code != exitNotFound || !strings.Contains(stderr, "hint: ") {
		t.Errorf("without a file: exit %d, %s", code, stderr)
	}
	if err := writeConsoleDSN(dir, consoleAddress, "secret"); err != nil {
		t.Fatal(err)
	}
	_, psql, env, _ := consoleRun(t, dir, "--", "-c", "SHOW POOLS")
	if want := []string{"psql", "--host=127.0.0.1", "--port=7777", "--username=postern", "--dbname=postern", "-c", "SHOW POOLS"}; !slices.Equal(psql, want) {
		t.Errorf("psql gets %q, want %q", psql, want)
	}
	if want := []string{"PGSSLMODE=disable", "PGPASSWORD=secret"}; !slices.Equal(env, want) {
		t.Errorf("its environment is %q, want %q", env, want)
	}
	if code, _, _, _ := consoleRun(t, dir, "superfluous"); code != exitUsage {
		t.Errorf("with an argument: exit %d", code)
	}
	if err := os.WriteFile(filepath.Join(dir, "console.dsn"), []byte("secret of somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _, stderr := consoleRun(t, dir); code != exitFailed || strings.Contains(stderr, "secret of") {
		t.Errorf("with a broken file: exit %d, %s", code, stderr)
	}
}

func TestConsoleSettings(t *testing.T) {
	t.Parallel()
	config := configs.Default()
	config.Auth.AdminUsers = map[string]string{"ops": "SCRAM-SHA-256$secret", "a": "SCRAM-SHA-256$secret"}
	config.Router.Domains = []string{"a.example", "b.example"}
	config.TLS.Certificates = []configs.Certificate{{Cert: "a.crt", Key: "a.key"}}
	config.Catalog.URL = "postgres://u:secret@host/db"
	got := map[string][2]string{}
	for _, s := range consoleSettings(config, func(key string) bool { return key == "log.level" }) {
		if _, twice := got[s.Key]; twice {
			t.Errorf("%s is there twice", s.Key)
		}
		got[s.Key] = [2]string{s.Value, s.Default}
		if strings.Contains(s.Value, "secret") {
			t.Errorf("%s shows a secret: %s", s.Key, s.Value)
		}
		if s.Changeable != (s.Key == "log.level") {
			t.Errorf("%s changeable: %t", s.Key, s.Changeable)
		}
	}
	for key, want := range map[string][2]string{
		"max_client_conn":      {"10000", "10000"},
		"query_wait_timeout":   {"120", "120"},
		"server_lifetime":      {"3600", "3600"},
		"client_idle_timeout":  {"0", "0"},
		"admin_users":          {"a, ops", ""},
		"router.domains":       {"a.example, b.example", ""},
		"wake.idle_timeout":    {"5m", "5m"},
		"wake.process.pg_user": {"postgres", "postgres"},
		"tls.mode":             {"allow", "allow"},
		"tls.certificates":     {"cert=a.crt, key=a.key", ""},
	} {
		if got[key] != want {
			t.Errorf("%s: %q, want %q", key, got[key], want)
		}
	}
}
