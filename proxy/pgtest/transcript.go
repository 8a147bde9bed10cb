package pgtest

import (
	"strconv"
	"strings"
	"testing"
)

// Script is one conversation of a client with a server.
type Script struct {
	// Name is the subtest's.
	Name string
	// Major is the oldest version of the server that the script is for, 0 for
	// any.
	Major int
	// Target changes how the client logs in; may be nil. It gets a copy, and adds
	// to options and parameters instead of replacing them.
	Target func(Target) Target
	// Run is called once the client is logged in, or has been refused. Whatever
	// it sends and reads is recorded. When it returns, the client says good-bye
	// and reads what still comes. nil is a login and nothing else.
	Run func(*Client)
}

// Record runs the script and returns what was said, a line a message: "> " in
// front of what the client sent. What differs between two runs at the same
// server is masked, as Lines says.
func Record(t testing.TB, target Target, script Script) []string {
	t.Helper()
	if script.Target != nil {
		target = script.Target(target)
	}
	c := Dial(t, target)
	defer c.Close()
	c.Startup()
	if script.Run != nil {
		script.Run(c)
	}
	if c.Err() == nil {
		c.Terminate()
		c.ReadUntilClosed()
	}
	return render(c.Recorded())
}

// Compare runs each script at the server directly and through whatever is to be
// tested, and reports where a client sees a difference. Each script is a
// subtest; without any, all of Scripts are run. Scripts for a newer version
// than the server's are left out.
func Compare(t *testing.T, direct, through Target, scripts ...Script) {
	t.Helper()
	if len(scripts) == 0 {
		scripts = Scripts()
	}
	major := serverMajor(t, direct)
	for _, script := range scripts {
		if script.Major > major {
			continue
		}
		t.Run(script.Name, func(t *testing.T) {
			if d := Difference(t, direct, through, script); d != "" {
				t.Errorf("- at PostgreSQL directly, + through the other\n%s", d)
			}
		})
	}
}

// Difference runs one script at both and returns what Diff says of it.
func Difference(t testing.TB, direct, through Target, script Script) string {
	t.Helper()
	want := Record(t, direct, script)
	return Diff(want, Record(t, through, script))
}

// serverMajor asks the server for its version.
func serverMajor(t testing.TB, target Target) int {
	t.Helper()
	c := Connect(t, target)
	defer c.Close()
	c.Query("show server_version_num")
	for _, m := range c.ReadUntilReady() {
		if m.Type != 'D' {
			continue
		}
		number, err := strconv.Atoi(strings.Trim(strings.TrimPrefix(m.String(), "DataRow "), `"`))
		if err != nil {
			t.Fatalf("read server_version_num: %v", err)
		}
		return number / 10000
	}
	t.Fatal("the server does not tell its version")
	return 0
}
