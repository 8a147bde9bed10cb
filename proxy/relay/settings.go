package relay

import (
	"maps"
	"slices"
	"strings"
	"unique"
)

// Settings are session settings by name, as one value that costs a pointer and is
// compared by it, however many clients have the same. The zero value is none.
type Settings struct{ handle unique.Handle[string] }

// NewSettings returns the Settings with these names and values.
func NewSettings(values map[string]string) Settings {
	if len(values) == 0 {
		return Settings{}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(name)
		b.WriteByte(0) // in no name and no value
		b.WriteString(values[name])
		b.WriteByte(0)
	}
	return Settings{unique.Make(b.String())}
}

// Map returns the settings by name; the caller may change it.
func (s Settings) Map() map[string]string {
	values := make(map[string]string)
	if s == (Settings{}) {
		return values
	}
	rest := s.handle.Value()
	for rest != "" {
		var name, value string
		name, rest, _ = strings.Cut(rest, "\x00")
		value, rest, _ = strings.Cut(rest, "\x00")
		values[name] = value
	}
	return values
}

// From is a query that brings s into effect where other is, which is not equal.
func (s Settings) From(other Settings) string {
	want, has := s.Map(), other.Map()
	var b strings.Builder
	b.WriteString("SELECT ")
	separator := ""
	set := func(name, value string) {
		b.WriteString(separator + "pg_catalog.set_config(" + Literal(name) + ", " + value + ", false)")
		separator = ", "
	}
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if _, ok := want[name]; !ok {
			set(name, "NULL") // to what it is at the start of a session
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if value, ok := has[name]; !ok || value != want[name] {
			set(name, Literal(want[name]))
		}
	}
	return b.String()
}
