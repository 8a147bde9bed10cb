package drivertest

import (
	"crypto/rand"
	"encoding/hex"
	"testing"

	"postern/catalog"
)

// Password is that of the role app of a Tenant.
const Password = "correct horse"

// Tenant makes a record with a UID of its own, the role app with Password, and
// the database app.
func Tenant(t testing.TB, id catalog.TenantID) *catalog.Tenant {
	t.Helper()
	uid := make([]byte, 16)
	rand.Read(uid)
	return &catalog.Tenant{
		ID: id, UID: hex.EncodeToString(uid), Version: 1, State: catalog.Provisioning,
		Roles:     map[string]catalog.Role{"app": {Name: "app", CanLogin: true, Verifier: Verifier(t, Password)}},
		Databases: []string{"app"},
	}
}
