package apitest

import (
	"context"

	"postern/catalog"
	"postern/catalog/api"
	"postern/wake"
)

// mover files another driver, and is refused where an instance is busy.
type mover struct{ world *World }

var _ api.Mover = mover{}

// Move implements api.Mover.
func (m mover) Move(ctx context.Context, t *catalog.Tenant, driver string) error {
	if because := m.world.Driver.busy(t.UID); len(because) > 0 {
		return &wake.BusyError{Because: because}
	}
	_, err := m.world.Store.Update(ctx, t.ID, func(t *catalog.Tenant) error {
		t.Driver = driver
		return nil
	})
	return err
}

// busy is what an instance is busy with.
func (d *Driver) busy(uid string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.instances[uid]; i != nil {
		return i.because
	}
	return nil
}
