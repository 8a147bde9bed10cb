package proxy_test

import (
	"testing"

	"postern/proxy/pgtest"
)

// TestTranscripts holds every conversation of the kit directly and through
// Postern, on each version of PostgreSQL that is installed.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major})
		w := newWorld(t, pg, nil)
		pgtest.Compare(t, pg.Target("app", "app"), w.target())
	})
}
