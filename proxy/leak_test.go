package proxy_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"postern/catalog"
	"postern/proxy"
	"postern/proxy/leaktest"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
)

// TestNothingLeaks runs 64 clients of 8 tenants over pools of 4 and lets each
// check that it sees its own session and nobody else's. POSTERN_LEAK_TEST may say
// how long, such as "10m".
// Promises: A18, A20, C66, C70, E90, F98, F99, F100, F101, F104, F105, H2, I4, J7, K9.
func TestNothingLeaks(t *testing.T) {
	duration := 15 * time.Second
	if text := os.Getenv("POSTERN_LEAK_TEST"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, reset := range []proxy.Reset{proxy.ResetPinned, proxy.ResetChange} {
		t.Run(string(reset), func(t *testing.T) {
			t.Parallel()
			pg := pgtest.Start(t, pgtest.Config{})
			w := newWorld(t, pg, func(c *proxy.Config) {
				c.Settings.Pool = pool.Config{Size: 4, MaxConnections: 40}
				c.Settings.Reset = reset
			})
			verifier := pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'")
			var tenants []leaktest.Tenant
			for i := range 8 {
				name := fmt.Sprintf("leak%d", i)
				pg.Exec(t, "create database "+name+" owner app")
				if _, err := w.store.Create(t.Context(), &catalog.Tenant{
					ID: catalog.TenantID(name), State: catalog.Awake, Driver: "test",
					Roles: map[string]catalog.Role{"app": {Name: "app", Verifier: verifier, CanLogin: true}},
				}); err != nil {
					t.Fatal(err)
				}
				tenants = append(tenants, leaktest.Tenant{
					Name: name, DSN: fmt.Sprintf("postgres://app.%s:%s@%s/%s", name, pgtest.Password, w.address, name),
				})
			}
			report, err := leaktest.Run(t.Context(), leaktest.Config{
				Tenants: tenants, Duration: duration, Startup: true, Nameless: true, Functions: reset == proxy.ResetChange,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(report)
			if err := report.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
