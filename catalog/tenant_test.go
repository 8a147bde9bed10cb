package catalog_test

import (
	"testing"
	"time"

	"postern/catalog"
)

// Promises: B32, CVE-2025-2291.
func TestRoleUsable(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		name string
		role catalog.Role
		want bool
	}{
		{"plain", catalog.Role{Verifier: "x", CanLogin: true}, true},
		{"valid still", catalog.Role{Verifier: "x", CanLogin: true, ValidUntil: now.Add(1)}, true},
		{"valid until now", catalog.Role{Verifier: "x", CanLogin: true, ValidUntil: now}, false},
		{"expired", catalog.Role{Verifier: "x", CanLogin: true, ValidUntil: now.Add(-1)}, false},
		{"no password", catalog.Role{CanLogin: true}, false},
		{"no login", catalog.Role{Verifier: "x"}, false},
	} {
		if got := test.role.Usable(now); got != test.want {
			t.Errorf("%s: usable is %v, want %v", test.name, got, test.want)
		}
	}
}

func TestGreetingKey(t *testing.T) {
	t.Parallel()
	settings := func(nameValue ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(nameValue); i += 2 {
			m[nameValue[i]] = nameValue[i+1]
		}
		return m
	}
	different := []catalog.Greeting{
		{},
		{Role: "a"},
		{Database: "a"},
		{Role: "a", Database: "a"},
		{Role: "a1:b"},
		{Role: "a", Database: "1:b"},
		{Settings: settings("a", "")},
		{Settings: settings("", "a")},
		{Settings: settings("a", "b")},
		{Settings: settings("a", "b", "c", "d")},
		{Settings: settings("a", "d", "c", "b")},
		{Settings: settings("a", "b1:c1:d")},
	}
	seen := map[string]int{}
	for i, g := range different {
		if other, there := seen[g.Key()]; there {
			t.Errorf("%+v and %+v have the same key", g, different[other])
		}
		seen[g.Key()] = i
	}
	a := catalog.Greeting{Role: "a", Settings: settings("x", "1", "y", "2"), Parameters: settings("p", "q")}
	b := catalog.Greeting{Role: "a", Settings: settings("y", "2", "x", "1")}
	for range 10 { // maps have no order of their own
		if a.Key() != b.Key() {
			t.Fatal("the same login has two keys")
		}
	}
}

// TestRoleValidForAges: PostgreSQL knows years that JSON and TOML do not.
func TestRoleValidForAges(t *testing.T) {
	t.Parallel()
	created, err := catalog.Created(&catalog.Tenant{
		ID:    "acme",
		Roles: map[string]catalog.Role{"app": {ValidUntil: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)}},
	}, time.Now())
	if err != nil || !created.Roles["app"].ValidUntil.IsZero() {
		t.Errorf("created %+v, %v, want no limit", created, err)
	}
}
