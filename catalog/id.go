package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// TenantID is a valid tenant id in lower case: [a-z0-9]([a-z0-9-]{0,54}[a-z0-9])?,
// neither reserved nor ending in "-pooler". Make one with ParseTenantID.
type TenantID string

// maxTenantID leaves room for "-pooler" within a DNS label of 63 bytes.
const maxTenantID = 56

// PoolerSuffix is what a host name carries behind the tenant to ask for
// transaction pooling (Neon's habit); no id may end in it.
const PoolerSuffix = "-pooler"

var reservedIDs = []string{"postern", "pgbouncer", "postgres"}

// ParseTenantID lower-cases s and checks it. The error says which rule it broke.
func ParseTenantID(s string) (TenantID, error) {
	id := strings.ToLower(s)
	for _, c := range []byte(s) {
		if c >= 0x80 { // some letters beyond ASCII have lower-case forms within
			return "", fmt.Errorf("tenant id %q may hold only a-z, 0-9 and '-'", s)
		}
	}
	switch {
	case id == "":
		return "", fmt.Errorf("tenant id is empty")
	case len(id) > maxTenantID:
		return "", fmt.Errorf("tenant id is longer than %d bytes", maxTenantID)
	case strings.HasSuffix(id, PoolerSuffix):
		return "", fmt.Errorf("tenant id %q must not end in %q", id, PoolerSuffix)
	case slices.Contains(reservedIDs, id):
		return "", fmt.Errorf("tenant id %q is reserved", id)
	case id[0] == '-' || id[len(id)-1] == '-':
		return "", fmt.Errorf("tenant id %q must begin and end with a letter or a digit", id)
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return "", fmt.Errorf("tenant id %q may hold only a-z, 0-9 and '-'", s)
		}
	}
	return TenantID(id), nil
}
