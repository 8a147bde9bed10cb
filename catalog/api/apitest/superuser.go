package apitest

import (
	"context"
	"slices"

	"postern/catalog"
	"postern/catalog/api"
	"postern/wake"
)

// superuser writes to the roles and databases of a Driver's instances, waking
// them as the real one does.
type superuser struct {
	gate   *wake.Gate
	driver *Driver
}

var (
	_ api.Roles     = (*superuser)(nil)
	_ api.Databases = (*superuser)(nil)
)

// OutsideRole is a role that every instance has without the catalog's knowing.
const OutsideRole = "made-by-sql"

// sqlError is a refusal of PostgreSQL's, by its code.
type sqlError string

func (e sqlError) Error() string    { return "SQLSTATE " + string(e) }
func (e sqlError) SQLState() string { return string(e) }

// on wakes t and calls write with its instance, under the driver's lock.
func (s *superuser) on(ctx context.Context, t *catalog.Tenant, write func(*instance) error) error {
	if _, err := s.gate.Ready(ctx, t); err != nil {
		return err
	}
	s.driver.mu.Lock()
	defer s.driver.mu.Unlock()
	return write(s.driver.instances[t.UID])
}

func (s *superuser) CreateRole(ctx context.Context, t *catalog.Tenant, role catalog.Role) error {
	return s.on(ctx, t, func(i *instance) error {
		if role.Name == OutsideRole {
			return sqlError("42710")
		}
		i.roles[role.Name] = role.Verifier
		return nil
	})
}

func (s *superuser) SetVerifier(ctx context.Context, t *catalog.Tenant, name, verifier string) error {
	return s.on(ctx, t, func(i *instance) error {
		i.roles[name] = verifier
		return nil
	})
}

func (s *superuser) DropRole(ctx context.Context, t *catalog.Tenant, name string) error {
	return s.on(ctx, t, func(i *instance) error {
		delete(i.roles, name)
		return nil
	})
}

func (s *superuser) CreateDatabase(ctx context.Context, t *catalog.Tenant, name, _ string) error {
	return s.on(ctx, t, func(i *instance) error {
		i.databases = append(i.databases, name)
		return nil
	})
}

func (s *superuser) DropDatabase(ctx context.Context, t *catalog.Tenant, name string) error {
	return s.on(ctx, t, func(i *instance) error {
		i.databases = slices.DeleteFunc(i.databases, func(d string) bool { return d == name })
		return nil
	})
}

func (s *superuser) CreateExtension(ctx context.Context, t *catalog.Tenant, database, name string) error {
	return s.on(ctx, t, func(i *instance) error {
		if !slices.Contains(i.databases, database) {
			return sqlError("3D000")
		}
		i.extensions = append(i.extensions, database+"."+name)
		return nil
	})
}
