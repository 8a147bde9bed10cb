package proxy_test

import (
	"crypto/tls"
	"testing"
	"time"

	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
	"postern/router"
)

// Other settings hold for clients who are there, make no second pool (pgdog 483),
// and replace no server connection.
func TestReconfigure(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, func(c *proxy.Config) { c.Settings.Pool = pool.Config{Size: 1} })
	busy, waiting := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target())
	busy.Query("begin")
	busy.ReadUntilReady()
	w.asks(t, waiting)
	before := w.server.Servers()
	w.server.Reconfigure(proxy.Settings{
		Pool: pool.Config{Size: 2}, PoolMode: router.Session, MaxPreparedStatements: 1, NoPins: true, Reset: proxy.ResetAlways,
	})
	answered(t, waiting)
	if pools := w.server.Pools(); len(pools) != 1 || pools[0].Active+pools[0].Idle+pools[0].Tested > 2 {
		t.Errorf("there are %+v", pools)
	}
	found := false
	for _, s := range w.server.Servers() {
		found = found || s.ID == before[0].ID
	}
	if !found {
		t.Error("the server connection was replaced")
	}
	one(t, busy)
	for _, c := range w.server.Clients() {
		if c.PoolMode != router.Transaction {
			t.Errorf("client %d is in mode %s now", c.ID, c.PoolMode)
		}
	}
	late := pgtest.Connect(t, w.target())
	one(t, late)
	modes := map[string]int{}
	for _, c := range w.server.Clients() {
		modes[c.PoolMode]++
	}
	if modes[router.Session] != 1 || modes[router.Transaction] != 2 {
		t.Errorf("modes of the clients: %v", modes)
	}
}

// A new certificate is for new logins, and cuts nobody off.
// Promises: G117.
func TestReconfigureTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	inTLS := w.target()
	inTLS.TLS = w.authority.ClientConfig("acme.db.localhost")
	c := pgtest.Connect(t, inTLS)
	one(t, c)

	other := pgtest.NewAuthority(t)
	w.server.Reconfigure(proxy.Settings{
		TLS:        &tls.Config{Certificates: []tls.Certificate{other.Certificate(t, "*.db.localhost")}},
		RequireTLS: true,
	})
	one(t, c)
	inTLS.TLS = other.ClientConfig("acme.db.localhost")
	one(t, pgtest.Connect(t, inTLS))
	expectFatal(t, w.target(), "28000") // in the clear
}

func TestReconfigureLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	c := pgtest.Connect(t, w.target())
	w.server.Reconfigure(proxy.Settings{MaxClients: 1, QueryWaitTimeout: 50 * time.Millisecond})
	expectFatal(t, w.target(), "53300")
	if err := w.server.Pause(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	c.Query("select 1")
	if failure := firstError(t, c.ReadUntilClosed()); failure.Code != "57014" {
		t.Errorf("got %+v", failure)
	}
}

// A limit that is new holds for clients who are there.
func TestReconfigureIdleTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	c := pgtest.Connect(t, w.target())
	one(t, c)
	w.server.Reconfigure(proxy.Settings{Limits: proxy.Limits{ClientIdle: 50 * time.Millisecond}})
	if failure := firstError(t, c.ReadUntilClosed()); failure.Code != "57P05" {
		t.Errorf("got %+v", failure)
	}
}
