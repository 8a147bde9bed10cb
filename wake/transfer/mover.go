package transfer

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
	"postern/wake/superuser"
)

// Config is what a Mover needs.
type Config struct {
	// Installations are where pg_dump and pg_restore are looked for, besides PATH.
	Installations []postgres.Installation
}

// Mover copies tenants. Use New.
type Mover struct{ config Config }

var _ wake.Mover = (*Mover)(nil)

// New returns a Mover.
func New(config Config) *Mover { return &Mover{config} }

// Survey implements wake.Mover.
func (m *Mover) Survey(ctx context.Context, t *catalog.Tenant, from wake.Endpoint) (*catalog.Tenant, error) {
	conn, err := superuser.Connect(ctx, from, "postgres")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := m.programs(ctx, conn.Major()); err != nil {
		return nil, err
	}
	because, err := conn.Busy(ctx)
	if err == nil && len(because) > 0 {
		err = &wake.BusyError{Because: because}
	}
	if err != nil {
		return nil, err
	}
	whole := t.Clone()
	if whole.Roles, err = conn.Roles(ctx); err != nil {
		return nil, err
	}
	if from.Share.Shared() { // no client can make a database there
		return whole, nil
	}
	databases, err := conn.Databases(ctx)
	if err != nil {
		return nil, err
	}
	whole.Databases = slices.DeleteFunc(whole.Databases, func(name string) bool { return !slices.Contains(databases, name) })
	for _, name := range databases {
		if !slices.Contains(whole.Databases, name) {
			whole.Databases = append(whole.Databases, name)
		}
	}
	return whole, nil
}

// Copy implements wake.Mover.
func (m *Mover) Copy(ctx context.Context, t *catalog.Tenant, from, to wake.Endpoint) error {
	source, err := superuser.Connect(ctx, from, "postgres")
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := superuser.Connect(ctx, to, "postgres")
	if err != nil {
		return err
	}
	defer target.Close()
	if source.Major() > target.Major() {
		return &wake.FailedError{
			Reason: fmt.Sprintf("the tenant's PostgreSQL %d is newer than the %d that it would move to", source.Major(), target.Major()),
		}
	}
	programs, err := m.programs(ctx, source.Major())
	if err != nil {
		return err
	}
	if err := m.copy(ctx, programs, source, target, t, from, to); err != nil {
		return err
	}
	return target.Settle(ctx)
}

// copy restores the databases while the target's roles have the source's names.
func (m *Mover) copy(ctx context.Context, programs programs, source, target *superuser.Conn, t *catalog.Tenant, from, to wake.Endpoint) (err error) {
	names, err := source.RoleNames(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if to.Share.Shared() && othersForm.MatchString(name) {
			return &wake.FailedError{
				Reason: fmt.Sprintf("role %q has a name that is kept for other tenants of a shared instance", name),
				Hint:   "Rename the role.",
			}
		}
	}
	if err := target.EnsureNames(ctx, names); err != nil {
		return err
	}
	if err := target.CallRoles(ctx, names, from.Share); err != nil {
		return err
	}
	defer func() {
		ctx := context.WithoutCancel(ctx) // the target is discarded by its own names
		if nameErr := target.CallRolesBack(ctx, names, from.Share); err == nil {
			err = nameErr
		}
	}()
	for _, name := range t.Databases {
		if err := programs.copy(ctx, from, from.Share.Database(name), to, to.Share.Database(name)); err != nil {
			return fmt.Errorf("copy database %q: %w", name, err)
		}
	}
	return copySettings(ctx, source, target, t, from, to)
}

// othersForm is what roles of a shared instance are called.
var othersForm = regexp.MustCompile(`^[tr]_[0-9a-f]{12}(_|$)`)

// copySettings copies, while the target's roles have the source's names, what a dump of one database leaves out: settings of roles and
// databases, and which roles are members of which.
func copySettings(ctx context.Context, source, target *superuser.Conn, t *catalog.Tenant, from, to wake.Endpoint) error {
	databases := make(map[string]string, len(t.Databases)) // the source's names to the target's
	for _, name := range t.Databases {
		databases[from.Share.Database(name)] = to.Share.Database(name)
	}
	settings, err := source.Settings(ctx)
	if err != nil {
		return err
	}
	for _, s := range settings {
		database, known := databases[s.Database]
		if s.Database != "" && !known {
			continue
		}
		s.Database = database
		if err := target.Set(ctx, s); err != nil {
			return err
		}
	}
	memberships, err := source.Memberships(ctx)
	if err != nil {
		return err
	}
	for _, membership := range memberships {
		if err := target.Grant(ctx, membership); err != nil {
			return err
		}
	}
	return nil
}
