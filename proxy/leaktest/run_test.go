package leaktest_test

import (
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"postern/proxy/leaktest"
	"postern/proxy/pgtest"
)

// newTenants makes a database for each of n tenants.
func newTenants(t *testing.T, pg *pgtest.Postgres, n int) []leaktest.Tenant {
	t.Helper()
	tenants := make([]leaktest.Tenant, n)
	for i := range tenants {
		name := "tenant" + strconv.Itoa(i+1)
		pg.Exec(t, fmt.Sprintf("create database %s owner app", name))
		tenants[i] = leaktest.Tenant{Name: name, DSN: pg.DSN("app", name)}
	}
	return tenants
}

// TestPostgreSQL proves the model: PostgreSQL leaks nothing.
func TestPostgreSQL(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major, Settings: map[string]string{"max_connections": "100"}})
		pg.Exec(t, "create role other; grant other to app")
		report, err := leaktest.Run(t.Context(), leaktest.Config{
			Tenants: newTenants(t, pg, 2), Clients: 16, Duration: 5 * time.Second,
			Startup: true, Role: "other", Functions: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := report.Err(); err != nil {
			t.Error(err)
		}
		t.Logf("%v%v", report, report.Did)
	})
}

// TestSeed proves that a seed chooses the same again.
func TestSeed(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	config := leaktest.Config{Tenants: newTenants(t, pg, 2), Clients: 4, Actions: 40, Duration: time.Minute, Seed: 7}
	var did [2]map[string]int
	for i := range did {
		report, err := leaktest.Run(t.Context(), config)
		if err != nil || report.Err() != nil {
			t.Fatal(err, report.Err())
		}
		did[i] = report.Did
	}
	if !maps.Equal(did[0], did[1]) {
		t.Errorf("the same seed did\n%v and\n%v", did[0], did[1])
	}
}
