package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/catalog"
)

func testUpdate(t *testing.T, store catalog.Store) {
	created := create(t, store, example("acme"))
	updated := update(t, store, "acme", func(c *catalog.Tenant) {
		wantSame(t, "given to change", c, created)
		c.Region = "eu-2"
		c.Labels["tier"] = "1"
		delete(c.Roles, "nobody")
	})
	want := created.Clone()
	want.Region, want.Labels["tier"], want.Version, want.UpdatedAt = "eu-2", "1", 2, updated.UpdatedAt
	delete(want.Roles, "nobody")
	wantSame(t, "updated", updated, want)
	wantFiled(t, store, updated)
	if updated.UpdatedAt.Before(created.UpdatedAt) {
		t.Errorf("updated at %v, before %v", updated.UpdatedAt, created.UpdatedAt)
	}
}

func testUpdateEachField(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	version := int64(1)
	for _, field := range []struct {
		name   string
		change func(*catalog.Tenant)
	}{
		{"Driver", func(c *catalog.Tenant) { c.Driver = "process" }},
		{"Region", func(c *catalog.Tenant) { c.Region = "" }},
		{"Hostnames", func(c *catalog.Tenant) { c.Hostnames = append(c.Hostnames, "third.example") }},
		{"order of Hostnames", func(c *catalog.Tenant) {
			c.Hostnames[0], c.Hostnames[1] = c.Hostnames[1], c.Hostnames[0]
		}},
		{"no Hostnames", func(c *catalog.Tenant) { c.Hostnames = nil }},
		{"Labels", func(c *catalog.Tenant) { c.Labels = map[string]string{"plan": "free"} }},
		{"Settings", func(c *catalog.Tenant) { c.Settings["theme"] = "dark\nmode" }},
		{"no Settings", func(c *catalog.Tenant) { c.Settings = nil }},
		{"Postgres", func(c *catalog.Tenant) { c.Postgres["jit"] = "off" }},
		{"PGVersion", func(c *catalog.Tenant) { c.PGVersion = 0 }},
		{"IdleTimeout", func(c *catalog.Tenant) { c.IdleTimeout = "0" }},
		{"PoolMode", func(c *catalog.Tenant) { c.PoolMode = "transaction" }},
		{"Backend", func(c *catalog.Tenant) { c.Backend.Port = 0 }},
		{"no Backend", func(c *catalog.Tenant) { c.Backend = catalog.Backend{} }},
		{"new Role", func(c *catalog.Tenant) {
			c.Roles["Ünï.\"code\""] = catalog.Role{CanLogin: true, Verifier: verifier("new")}
		}},
		{"changed Verifier", func(c *catalog.Tenant) {
			role := c.Roles["app"]
			role.Verifier = verifier("changed")
			c.Roles["app"] = role
		}},
		{"ValidUntil", func(c *catalog.Tenant) {
			role := c.Roles["app"]
			role.ValidUntil = time.Time{}
			c.Roles["app"] = role
		}},
		{"no Roles", func(c *catalog.Tenant) { c.Roles = nil }},
		{"Databases", func(c *catalog.Tenant) { c.Databases = append(c.Databases, "third \"one\", {quoted}") }},
		{"no Databases", func(c *catalog.Tenant) { c.Databases = nil }},
	} {
		version++
		updated := update(t, store, "acme", field.change)
		if updated.Version != version {
			t.Fatalf("%s: version is %d, want %d", field.name, updated.Version, version)
		}
		wantFiled(t, store, updated)
	}
}

func testUpdateOfNothing(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	if err := store.Remember(t.Context(), "acme", 1, catalog.Greeting{Role: "app"}); err != nil {
		t.Fatal(err)
	}
	current := lookup(t, store, "acme")
	returned := update(t, store, "acme", func(c *catalog.Tenant) {
		// The same again, spelt differently.
		c.Hostnames = []string{"B.ACME.example", "a.acme.example", "a.acme.example"}
		role := c.Roles["app"]
		role.ValidUntil = role.ValidUntil.In(time.FixedZone("", 7200))
		c.Roles["app"] = role
	})
	wantSame(t, "returned", returned, current)
	wantFiled(t, store, current)
}

func testUpdateLeavesState(t *testing.T, store catalog.Store) {
	created := create(t, store, example("acme"))
	overreach := func(c *catalog.Tenant) {
		c.ID, c.UID, c.Version, c.Generation = "other", "ffffffffffffffffffffffffffffffff", 99, 99
		c.State, c.Owner, c.Deadline, c.Failure = catalog.Failed, "proxy-2", time.Now(), "broken"
		c.LastActiveAt, c.DeletedAt, c.CreatedAt, c.UpdatedAt = time.Now(), time.Now(), time.Now(), time.Now()
		c.Greetings = map[string]catalog.Greeting{"x": {Role: "x"}}
	}
	wantSame(t, "update of nothing else", update(t, store, "acme", overreach), created)
	updated := update(t, store, "acme", func(c *catalog.Tenant) { overreach(c); c.Region = "eu-2" })
	want := created.Clone()
	want.Region, want.Version, want.UpdatedAt = "eu-2", 2, updated.UpdatedAt
	wantSame(t, "updated", updated, want)
	wantFiled(t, store, updated)
}

func testTransition(t *testing.T, store catalog.Store) {
	created := create(t, store, example("acme"))
	if err := store.Remember(t.Context(), "acme", 1, catalog.Greeting{Role: "app"}); err != nil {
		t.Fatal(err)
	}
	want := lookup(t, store, "acme")
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.Local)
	moved := transition(t, store, "acme", func(c *catalog.Tenant) {
		c.State, c.Owner, c.Deadline, c.Failure = catalog.Failed, "proxy-2", at, "no room"
		c.LastActiveAt, c.DeletedAt = at.Add(time.Second), at.Add(time.Minute)
		// None of these is a transition's to write.
		c.ID, c.UID, c.Version, c.Generation, c.Driver, c.Region = "other", "x", 99, 99, "x", "x"
		c.Labels["plan"], c.Roles, c.Greetings, c.CreatedAt = "x", nil, nil, at
	})
	at = at.UTC().Truncate(time.Microsecond)
	want.State, want.Owner, want.Deadline, want.Failure = catalog.Failed, "proxy-2", at, "no room"
	want.LastActiveAt, want.DeletedAt, want.Generation = at.Add(time.Second), at.Add(time.Minute), created.Generation+1
	wantSame(t, "moved", moved, want)
	wantFiled(t, store, moved)

	back := transition(t, store, "acme", func(c *catalog.Tenant) {
		c.State, c.Owner, c.Deadline, c.Failure = catalog.Asleep, "", time.Time{}, ""
		c.LastActiveAt, c.DeletedAt = time.Time{}, time.Time{}
	})
	want.State, want.Owner, want.Deadline, want.Failure = catalog.Asleep, "", time.Time{}, ""
	want.LastActiveAt, want.DeletedAt, want.Generation = time.Time{}, time.Time{}, created.Generation+2
	wantSame(t, "moved back", back, want)
	wantFiled(t, store, back)
}

func testChangeFails(t *testing.T, store catalog.Store) {
	created := create(t, store, example("acme"))
	refused := errors.New("refused")
	change := func(c *catalog.Tenant) error {
		c.Region, c.State = "eu-2", catalog.Awake
		return refused
	}
	if _, err := store.Update(t.Context(), "acme", change); err != refused {
		t.Errorf("Update: %v, want the error itself", err)
	}
	if _, err := store.Transition(t.Context(), "acme", change); err != refused {
		t.Errorf("Transition: %v, want the error itself", err)
	}
	wantFiled(t, store, created)
}

func testConcurrentUpdates(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	const writers, each = 8, 5
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			for i := range each {
				_, err := store.Update(t.Context(), "acme", func(c *catalog.Tenant) error {
					c.Labels[fmt.Sprintf("%d/%d", writer, i)] = "here"
					return nil
				})
				if err != nil {
					t.Errorf("update: %v", err)
				}
			}
		})
	}
	group.Wait()
	got := lookup(t, store, "acme")
	if want := len(example("acme").Labels) + writers*each; len(got.Labels) != want {
		t.Errorf("%d labels, want %d", len(got.Labels), want)
	}
	if want := int64(1 + writers*each); got.Version != want {
		t.Errorf("version is %d, want %d", got.Version, want)
	}
}

// testConcurrentTransitions: of many that want to take a tenant over, one does.
func testConcurrentTransitions(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	transition(t, store, "acme", func(c *catalog.Tenant) { c.State, c.Owner = catalog.Asleep, "" })
	var group sync.WaitGroup
	var mu sync.Mutex
	var winners []string
	for i := range 8 {
		group.Go(func() {
			owner := fmt.Sprintf("proxy-%d", i)
			_, err := store.Transition(t.Context(), "acme", func(c *catalog.Tenant) error {
				if c.State != catalog.Asleep {
					return catalog.ErrConflict
				}
				c.State, c.Owner = catalog.Waking, owner
				return nil
			})
			switch {
			case err == nil:
				mu.Lock()
				winners = append(winners, owner)
				mu.Unlock()
			case err != catalog.ErrConflict:
				t.Errorf("transition: %v", err)
			}
		})
	}
	group.Wait()
	if got := lookup(t, store, "acme"); len(winners) != 1 || got.Owner != winners[0] {
		t.Errorf("winners %v, owner %q", winners, got.Owner)
	}
}
