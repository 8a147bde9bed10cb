package catalog

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The rules by which one version of a record follows another. Every Store
// applies these same functions, so that no two stores can differ in them.

// Created returns t as a Store files it first: version 1, made now, with a UID
// where it has none, no greetings, and in the stored form (see Updated).
func Created(t *Tenant, now time.Time) (*Tenant, error) {
	if id, err := ParseTenantID(string(t.ID)); err != nil {
		return nil, err
	} else if id != t.ID {
		return nil, fmt.Errorf("tenant id %q is not in lower case", t.ID)
	}
	next, err := stored(t)
	if err != nil {
		return nil, err
	}
	if next.UID == "" {
		next.UID = newUID()
	}
	next.Version = 1
	next.CreatedAt = storedTime(now)
	next.UpdatedAt = next.CreatedAt
	next.Greetings = map[string]Greeting{}
	return next, nil
}

// Updated returns the version that Store.Update files after current, or current
// itself if change changed no configuration. It is in the stored form: host
// names folded and each once, no map or list nil, roles named by their key,
// times in UTC to the microsecond.
func Updated(current *Tenant, now time.Time, change func(*Tenant) error) (*Tenant, error) {
	draft := current.Clone()
	if err := change(draft); err != nil {
		return nil, err
	}
	keepState(draft, current)
	draft.ID, draft.UID, draft.Version, draft.Generation = current.ID, current.UID, current.Version, current.Generation
	draft.CreatedAt, draft.UpdatedAt = current.CreatedAt, current.UpdatedAt
	next, err := stored(draft)
	if err != nil {
		return nil, err
	}
	if SameConfiguration(current, next) {
		return current, nil
	}
	next.Version++
	next.UpdatedAt = storedTime(now)
	next.Greetings = map[string]Greeting{}
	return next, nil
}

// Transitioned returns the record that Store.Transition files after current:
// the state fields that change has set, under the next generation.
func Transitioned(current *Tenant, change func(*Tenant) error) (*Tenant, error) {
	draft := current.Clone()
	if err := change(draft); err != nil {
		return nil, err
	}
	next := current.Clone()
	keepState(next, draft)
	next.Generation = current.Generation + 1
	return next, nil
}

// Remembered returns greetings, which are in the order they came in, with g
// added last and the oldest dropped beyond MaxGreetings. It reports false, and
// nothing is to be written, if the same is remembered already or if g cannot be
// kept exactly because it is not all UTF-8.
func Remembered(greetings []Greeting, g Greeting) ([]Greeting, bool) {
	if !g.Storable() {
		return greetings, false
	}
	key := g.Key()
	others := make([]Greeting, 0, len(greetings)+1)
	for _, old := range greetings {
		if old.Key() != key {
			others = append(others, old)
		} else if maps.Equal(old.Parameters, g.Parameters) {
			return greetings, false
		}
	}
	g.Settings, g.Parameters = cloneMap(g.Settings), cloneMap(g.Parameters)
	others = append(others, g)
	return others[max(0, len(others)-MaxGreetings):], true
}

// GreetingsByKey is what a Tenant holds of a list of greetings.
func GreetingsByKey(greetings []Greeting) map[string]Greeting {
	byKey := make(map[string]Greeting, len(greetings))
	for _, g := range greetings {
		byKey[g.Key()] = g
	}
	return byKey
}

// Storable reports whether a Store can keep g exactly: it is UTF-8 and without
// zero bytes throughout. Whatever else a login of another encoding carries, it
// is not worth remembering wrongly.
func (g Greeting) Storable() bool {
	storable := func(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
	for _, m := range []map[string]string{g.Settings, g.Parameters} {
		for name, value := range m {
			if !storable(name) || !storable(value) {
				return false
			}
		}
	}
	return storable(g.Role) && storable(g.Database)
}

// SameConfiguration reports whether two records in the stored form differ at
// most in identity, state, greetings and counters.
func SameConfiguration(a, b *Tenant) bool {
	return a.Driver == b.Driver &&
		a.Region == b.Region &&
		slices.Equal(a.Hostnames, b.Hostnames) &&
		maps.Equal(a.Labels, b.Labels) &&
		maps.Equal(a.Settings, b.Settings) &&
		maps.Equal(a.Postgres, b.Postgres) &&
		a.PGVersion == b.PGVersion &&
		a.PoolMode == b.PoolMode &&
		a.IdleTimeout == b.IdleTimeout &&
		a.Backend == b.Backend &&
		maps.EqualFunc(a.Roles, b.Roles, Role.Equal) &&
		slices.Equal(a.Databases, b.Databases)
}

// keepState copies the fields that Transition alone writes.
func keepState(to, from *Tenant) {
	to.State = from.State
	to.Owner = from.Owner
	to.Deadline = storedTime(from.Deadline)
	to.Failure = from.Failure
	to.LastActiveAt = storedTime(from.LastActiveAt)
	to.DeletedAt = storedTime(from.DeletedAt)
}

// stored returns a copy of t in the stored form, sharing no map or list with it.
func stored(t *Tenant) (*Tenant, error) {
	c := *t
	c.Hostnames = []string{}
	for _, hostname := range t.Hostnames {
		hostname = strings.ToLower(hostname)
		if hostname == "" {
			return nil, fmt.Errorf("hostname is empty")
		}
		if !slices.Contains(c.Hostnames, hostname) {
			c.Hostnames = append(c.Hostnames, hostname)
		}
	}
	c.Labels = cloneMap(t.Labels)
	c.Settings = cloneMap(t.Settings)
	c.Postgres = cloneMap(t.Postgres)
	c.Roles = make(map[string]Role, len(t.Roles))
	for name, role := range t.Roles {
		role.Name = name
		role.ValidUntil = storedTime(role.ValidUntil)
		if role.ValidUntil.Year() > 9999 {
			role.ValidUntil = time.Time{} // no store can write it, nobody lives to see it
		}
		c.Roles[name] = role
	}
	c.Databases = append([]string{}, t.Databases...)
	c.Greetings = cloneMap(t.Greetings)
	c.Deadline = storedTime(t.Deadline)
	c.LastActiveAt = storedTime(t.LastActiveAt)
	c.DeletedAt = storedTime(t.DeletedAt)
	return &c, nil
}

// storedTime is what Postgres keeps of a time: microseconds.
func storedTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func cloneMap[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	maps.Copy(c, m)
	return c
}

func newUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
