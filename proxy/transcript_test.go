package proxy_test

import (
	"slices"
	"testing"

	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/router"
)

// onlyInSession are the scripts that do not look the same in transaction mode.
// PostgreSQL's NOTICE about a long application_name is missing there: it gives one
// to the login of a server connection, not to each client that uses it. And bytes
// that are no text appear as they do before PostgreSQL 16.
var onlyInSession = []string{"long application name", "bytes that are no text"}

// answering is transaction mode with pool.answer_empty_query.
const answering = "transaction, answering"

// scriptsFor are those that must look the same in a pool mode.
func scriptsFor(mode string) []pgtest.Script {
	return slices.DeleteFunc(pgtest.Scripts(), func(s pgtest.Script) bool {
		return mode != router.Session && slices.Contains(onlyInSession, s.Name)
	})
}

// TestTranscripts holds every conversation of the kit directly and through
// Postern, on each version of PostgreSQL that is installed.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		for mode, change := range map[string]func(*proxy.Config){
			router.Session:     inSession,
			router.Transaction: nil,
			answering:          func(c *proxy.Config) { c.Settings.AnswerEmptyQuery = true },
		} {
			t.Run(mode, func(t *testing.T) {
				t.Parallel()
				pg := pgtest.Start(t, pgtest.Config{Major: major}) // else they hear each other's notifications
				pgtest.Compare(t, pg.Target("app", "app"), newWorld(t, pg, change).target(), scriptsFor(mode)...)
			})
		}
	})
}
