package proxy_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
	"postern/router"
)

// A pool that lends one client the same server connection time and again would
// hide what is lost on the way: so every conversation of the kit is held once more
// among clients who take the connections away and leave them otherwise.
//
// Promises: K9.
func TestTranscriptsAmongOthers(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, func(c *proxy.Config) { c.Settings.Pool = pool.Config{Size: 3} })
	stop := shuffle(t, w.target(), 4)
	for _, script := range scriptsFor(router.Transaction) {
		if script.Major > pg.Major {
			continue
		}
		t.Run(script.Name, func(t *testing.T) {
			direct, through := pgtest.Record(t, pg.Target("app", "app"), script), pgtest.Record(t, w.target(), script)
			if d := pgtest.Diff(anywhere(direct), anywhere(through)); d != "" {
				t.Errorf("- at PostgreSQL directly, + through Postern\n%s", d)
			}
		})
	}
	stop()
}

// source is where in PostgreSQL an error comes from.
var source = regexp.MustCompile(` F="[^"]*" L="[^"]*" R="[^"]*"`)

// anywhere hides where in PostgreSQL the error about an aborted transaction comes
// from: a statement that this server connection does not have is refused at the
// Parse before the Bind.
func anywhere(lines []string) []string {
	hidden := slices.Clone(lines)
	for i, line := range hidden {
		if strings.Contains(line, `C="25P02"`) {
			hidden[i] = source.ReplaceAllString(line, "")
		}
	}
	return hidden
}

// shuffle lets clients use the pool of target, each with settings and prepared
// statements of its own, until the function that it returns is called.
func shuffle(t *testing.T, target pgtest.Target, clients int) (stop func()) {
	var over atomic.Bool
	var running sync.WaitGroup
	stop = func() {
		over.Store(true)
		running.Wait()
	}
	t.Cleanup(stop)
	for i := range clients {
		c := pgtest.Connect(t, target)
		running.Go(func() {
			c.Query(fmt.Sprintf("set work_mem = '%dkB'; set search_path = other%d; set timezone = '%d'", 7000+i, i, i+1))
			c.ReadUntilReady()
			for n := 0; !over.Load() && c.Err() == nil; n++ {
				name := fmt.Sprint("s", n%3)
				c.CloseStatement(name)
				c.Parse(name, fmt.Sprintf("select current_setting('work_mem'), '%d'", n%5))
				c.Bind("", name)
				c.Execute("", 0)
				c.Sync()
				said := c.ReadUntilReady()
				if want := fmt.Sprintf(`DataRow "%dkB" "%d"`, 7000+i, n%5); len(said) != 6 || said[3].String() != want {
					t.Errorf("another client got %v, want %s", pgtest.Lines(said), want)
					return
				}
			}
		})
	}
	return stop
}
