package catalog

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// MaxGreetings bounds what a Store keeps of one tenant's greetings; the oldest
// go first.
const MaxGreetings = 64

// Greeting is a login that a tenant's Postgres has accepted, and what it said:
// enough to greet the same login from memory while the tenant sleeps.
type Greeting struct {
	Role     string
	Database string
	// Settings are the startup settings as the client sent them, without user,
	// database, application_name and Postern's own keys.
	Settings map[string]string
	// Parameters is the ParameterStatus set that the backend reported.
	Parameters map[string]string
}

// Key identifies a login: equal keys mean the same role, database and settings.
func (g Greeting) Key() string {
	var b strings.Builder
	write := func(s string) {
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	write(g.Role)
	write(g.Database)
	for _, name := range slices.Sorted(maps.Keys(g.Settings)) {
		write(name)
		write(g.Settings[name])
	}
	return b.String()
}
