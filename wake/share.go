package wake

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Share is a tenant's part of an instance that it has in common with others. What
// the tenant calls app is called otherwise there, by names that tell the others
// nothing and that no two tenants have in common. The zero value is an instance of
// the tenant's own, where everything is called what it is.
type Share struct {
	// UID is the tenant's, 32 hexadecimal digits; "" for an instance of its own.
	UID string
	// Connections is how many there may be to each of the tenant's databases, and
	// by each of its roles; 0 is any number.
	Connections int
}

// MaxSharedRole is the longest name that a role can have in a share, in bytes:
// PostgreSQL's 63 without the prefix.
const MaxSharedRole = 63 - len("t_0123456789ab_")

// mainDatabase is the one that every tenant begins with.
const mainDatabase = "app"

// Shared reports whether there are other tenants in the instance.
func (s Share) Shared() bool { return s.UID != "" }

// tag is what names begin with, after the letter for their kind.
func (s Share) tag() string { return "_" + s.UID[:12] }

// Role is what the tenant's role is called in the instance: t_<tag>_<role>.
func (s Share) Role(name string) string { return s.RolePrefix() + name }

// RolePrefix is what the names of the tenant's roles begin with, and those of no
// other tenant.
func (s Share) RolePrefix() string {
	if !s.Shared() {
		return ""
	}
	return "t" + s.tag() + "_"
}

// TenantRole is the reverse of Role; false if the role is not the tenant's.
func (s Share) TenantRole(role string) (name string, ok bool) {
	return strings.CutPrefix(role, s.RolePrefix())
}

// Database is what the tenant's database is called in the instance: t_<tag> is the
// database app, any other t_<tag>_<12 hex>, of a hash of its name and the UID, since
// everybody can list the databases.
func (s Share) Database(name string) string {
	switch {
	case !s.Shared():
		return name
	case name == mainDatabase:
		return s.Members()
	}
	sum := sha256.Sum256([]byte(s.UID + "/" + name))
	return s.Members() + "_" + hex.EncodeToString(sum[:6])
}

// Members is the group that all roles of the tenant are in, which may connect to
// its databases. It cannot log in.
func (s Share) Members() string { return "t" + s.tag() }

// Readers is the group of those that may read everything of the tenant's. It
// cannot log in.
func (s Share) Readers() string { return "r" + s.tag() }
