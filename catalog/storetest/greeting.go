package storetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"postern/catalog"
)

func remember(t *testing.T, store catalog.Store, version int64, g catalog.Greeting) {
	t.Helper()
	if err := store.Remember(t.Context(), "acme", version, g); err != nil {
		t.Fatalf("remember %+v: %v", g, err)
	}
}

func testRemember(t *testing.T, store catalog.Store) {
	created := create(t, store, example("acme"))
	first := catalog.Greeting{
		Role: "app", Database: "app",
		Settings:   map[string]string{"client_encoding": "UTF8", "options": "-c a=b"},
		Parameters: map[string]string{"server_version": "17.1", "application_name": "", "TimeZone": "Europe/Zürich"},
	}
	second := catalog.Greeting{Role: "Read Only", Database: "app", Settings: map[string]string{}, Parameters: map[string]string{"is_superuser": "off"}}
	remember(t, store, 1, first)
	remember(t, store, 1, second)
	remember(t, store, 1, second)
	want := created.Clone()
	want.Greetings = map[string]catalog.Greeting{first.Key(): first, second.Key(): second}
	wantSame(t, "remembered", lookup(t, store, "acme"), want)

	second.Parameters = map[string]string{"is_superuser": "off", "server_version": "17.2"}
	remember(t, store, 1, second)
	want.Greetings[second.Key()] = second
	wantSame(t, "remembered anew", lookup(t, store, "acme"), want)
}

func testRememberOfPassedVersion(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	updated := update(t, store, "acme", func(c *catalog.Tenant) { c.Region = "eu-2" })
	remember(t, store, 1, catalog.Greeting{Role: "app"})
	remember(t, store, 3, catalog.Greeting{Role: "app"})
	wantFiled(t, store, updated)
}

func testRememberBound(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	greeting := func(i int) catalog.Greeting { return catalog.Greeting{Role: fmt.Sprintf("role%d", i)} }
	const beyond = 3
	for i := range catalog.MaxGreetings + beyond {
		remember(t, store, 1, greeting(i))
	}
	got := lookup(t, store, "acme").Greetings
	if len(got) != catalog.MaxGreetings {
		t.Errorf("%d greetings, want %d", len(got), catalog.MaxGreetings)
	}
	for i := range catalog.MaxGreetings + beyond {
		if _, there := got[greeting(i).Key()]; there != (i >= beyond) {
			t.Errorf("greeting %d: remembered is %v", i, there)
		}
	}
}

// testRememberOddSettings: settings are the client's choice.
func testRememberOddSettings(t *testing.T, store catalog.Store) {
	created := create(t, store, example("acme"))
	long := catalog.Greeting{
		Role: "app", Database: "app", Parameters: map[string]string{},
		Settings: map[string]string{"search_path": strings.Repeat(`"sché'ma\", `, 800)},
	}
	remember(t, store, 1, long)
	for _, odd := range []string{"\xff", "a\x00b"} {
		remember(t, store, 1, catalog.Greeting{Role: "app", Settings: map[string]string{"a": odd}})
		remember(t, store, 1, catalog.Greeting{Role: "app", Settings: map[string]string{odd: "a"}})
		remember(t, store, 1, catalog.Greeting{Role: "app", Parameters: map[string]string{"a": odd}})
		remember(t, store, 1, catalog.Greeting{Role: odd})
		remember(t, store, 1, catalog.Greeting{Role: "app", Database: odd})
	}
	want := created.Clone()
	want.Greetings = map[string]catalog.Greeting{long.Key(): long}
	wantSame(t, "remembered", lookup(t, store, "acme"), want)
}

func testGreetingsForgotten(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	wantGreetings := func(what string, want int) {
		t.Helper()
		got := lookup(t, store, "acme")
		if len(got.Greetings) != want {
			t.Errorf("%s: %d greetings, want %d", what, len(got.Greetings), want)
		}
	}
	remember(t, store, 1, catalog.Greeting{Role: "app"})
	before := lookup(t, store, "acme")
	if err := store.Forget(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	wantGreetings("after Forget", 0)
	before.Greetings = map[string]catalog.Greeting{}
	wantFiled(t, store, before)

	remember(t, store, 1, catalog.Greeting{Role: "app"})
	transition(t, store, "acme", func(c *catalog.Tenant) { c.State = catalog.Asleep })
	wantGreetings("after Transition", 1)
	updated := update(t, store, "acme", func(c *catalog.Tenant) { c.Roles = nil })
	if !reflect.DeepEqual(updated.Greetings, map[string]catalog.Greeting{}) {
		t.Errorf("Update returned greetings %+v", updated.Greetings)
	}
	wantGreetings("after Update", 0)
	remember(t, store, 2, catalog.Greeting{Role: "app"})
	wantGreetings("of the new version", 1)
}
