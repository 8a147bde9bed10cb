package postgres

import (
	"testing"
	"time"
)

const wholePIDFile = "4711\n/srv/data\n1700000000\n5432\n/srv\n\n  7340032    131073\nready   \n"

func TestParsePIDFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       pidFile
		fails      bool
	}{
		{"whole", wholePIDFile, pidFile{4711, time.Unix(1700000000, 0), "ready"}, false},
		{"just made", "4711\n/srv/data\n1700000000\n5432\n", pidFile{4711, time.Unix(1700000000, 0), ""}, false},
		{"stand-alone backend", "-4711\n", pidFile{pid: 4711}, false},
		{"empty", "", pidFile{}, false},
		{"other text", "hello\n", pidFile{}, true},
		{"no time", "1\n\nx\n", pidFile{pid: 1}, true},
	} {
		got, err := parsePIDFile(c.text)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func FuzzParsePIDFile(f *testing.F) {
	f.Add(wholePIDFile)
	f.Add("-1\n\n\n\n\n\n\nstandby")
	f.Add("9999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePIDFile(text)
		if err == nil && p.pid < 0 {
			t.Errorf("process id %d", p.pid)
		}
		if p.accepts() && p.status != "ready" && p.status != "standby" {
			t.Errorf("status %q", p.status)
		}
	})
}

func TestReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ log, want string }{
		{"a LOG:  starting\nb FATAL:  no\nc LOG:  stopped", "b FATAL:  no"},
		{"a LOG:  starting\nb LOG:  stopped", "b LOG:  stopped"},
		{"", ""},
	} {
		if got := reason(c.log); got != c.want {
			t.Errorf("%q: %q", c.log, got)
		}
	}
}
