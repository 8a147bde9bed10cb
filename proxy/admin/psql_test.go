package admin_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// psql runs psql with input and returns what it prints, errors included.
func psql(t *testing.T, l *listener, user, input string, arguments ...string) string {
	t.Helper()
	program, err := exec.LookPath("psql")
	if err != nil {
		t.Fatalf("%v\nInstall the package postgresql-client.", err)
	}
	command := exec.CommandContext(t.Context(), program, append([]string{"--no-psqlrc", "--no-password", l.dsn(user)}, arguments...)...)
	command.Env = append(os.Environ(), "PGAPPNAME=", "LC_ALL=C.UTF-8")
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}

func TestPsql(t *testing.T) {
	t.Parallel()
	l := listen(t, newWorld().console())
	for _, test := range []struct {
		input, want string
		arguments   []string
	}{
		{input: "SHOW VERSION;", want: "Postern 0.3.0 (PgBouncer 1.25.0)\n", arguments: []string{"-At"}},
		{input: "SHOW STATE; SELECT 1;", want: "active|yes\npaused|no\nsuspended|no\n1\n", arguments: []string{"-At"}},
		{input: "show version \\; select 1;", want: "Postern 0.3.0 (PgBouncer 1.25.0)\n1\n", arguments: []string{"-At"}},
		{input: "RELOAD;\nPAUSE zoo;\n", want: "RELOAD\nPAUSE\n"},
		{input: "NONSENSE;\nSELECT 1;\n", want: "ERROR:  unknown command \"NONSENSE\"\nHINT:  SHOW HELP lists the commands.\n1\n", arguments: []string{"-At"}},
		{input: "SHOW VERSION \\gdesc\n", want: " Column  | Type"}, // asks with SQL, which is refused
		{input: "\\conninfo\n", want: "postern"},
		{input: "\\d\n", want: "ERROR:  SELECT is not supported\nHINT:  The console knows no SQL; SHOW HELP lists the commands.\n"},
		{input: "SHOW VERSION \\bind \\g\n", want: "Postern 0.3.0 (PgBouncer 1.25.0)\n", arguments: []string{"-At"}},
	} {
		got := psql(t, l, "admin", test.input, test.arguments...)
		switch {
		case strings.Contains(test.input, "\\gdesc"):
			if !strings.Contains(got, "SELECT is not supported") {
				t.Errorf("%q: got %q", test.input, got)
			}
		case strings.Contains(test.input, "\\bind") && strings.Contains(got, "invalid command"): // before psql 16
		case !strings.Contains(got, test.want):
			t.Errorf("%q: got %q, want %q", test.input, got, test.want)
		}
	}
	if got := psql(t, l, "admin", "SHOW HELP;"); !strings.Contains(got, "NOTICE:  Console usage\nDETAIL:  \n\tSHOW HELP|") || !strings.Contains(got, "\nSHOW\n") {
		t.Errorf("SHOW HELP: %s", got)
	}
	if got := psql(t, l, "looker", "KILL acme;"); !strings.Contains(got, "ERROR:  KILL is for admin users") {
		t.Errorf("got %q", got)
	}
}
