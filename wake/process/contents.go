package process

import (
	"context"
	"errors"
	"maps"
	"slices"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
	"postern/wake/superuser"
)

// makeContents makes the roles and databases of the record in a new instance. A
// record that asks for what cannot be is a FailedError.
func (h home) makeContents(ctx context.Context, i *postgres.Instance, t *catalog.Tenant) error {
	conn, err := superuser.Connect(ctx, h.endpoint(i), "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	owner := ownerOf(t)
	for _, name := range slices.Sorted(maps.Keys(t.Roles)) {
		role := t.Roles[name]
		err := conn.EnsureRole(ctx, superuser.RoleSpec{
			Name: name, Verifier: role.Verifier, NoLogin: !role.CanLogin, ValidUntil: role.ValidUntil,
			ReadOnly: role.ReadOnly, CreateDB: name == owner,
		})
		if err != nil {
			return recordError(err)
		}
	}
	for _, name := range t.Databases {
		if err := conn.EnsureDatabase(ctx, name, owner); err != nil {
			return recordError(err)
		}
	}
	return nil
}

// ownerOf is the role that owns a new tenant's databases: app, or where the record
// has roles but not that one, the first of them that is not for reading alone.
func ownerOf(t *catalog.Tenant) string {
	if _, ok := t.Roles[DefaultRole]; ok {
		return DefaultRole
	}
	for _, name := range slices.Sorted(maps.Keys(t.Roles)) {
		if role := t.Roles[name]; role.CanLogin && !role.ReadOnly {
			return name
		}
	}
	return DefaultRole // the template has it
}

// recordError tells what no other try would change.
func recordError(err error) error {
	if errors.Is(err, superuser.ErrReserved) || errors.Is(err, superuser.ErrNotVerifier) {
		return &wake.FailedError{Reason: err.Error(), Hint: "Correct the tenant's roles and databases."}
	}
	return err
}
