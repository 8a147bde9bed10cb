package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
)

// trash is where a deleted tenant's home is kept.
func (d *Driver) trash(t *catalog.Tenant) string {
	return filepath.Join(d.config.DataDir, "trash", string(t.ID)+"."+t.UID)
}

// Destroy stops the tenant's instance, whatever it does, and moves its home to
// the trash; purge removes it, and what is in the trash. A home of another
// tenant of that id is left alone.
func (d *Driver) Destroy(ctx context.Context, t *catalog.Tenant, purge bool) error {
	if err := d.discardHome(ctx, t, purge); err != nil {
		return fmt.Errorf("destroy tenant %s: %w", t.ID, err)
	}
	if !purge {
		return nil
	}
	if err := os.RemoveAll(d.trash(t)); err != nil {
		return fmt.Errorf("destroy tenant %s: %w", t.ID, err)
	}
	return nil
}

func (d *Driver) discardHome(ctx context.Context, t *catalog.Tenant, purge bool) error {
	h := d.tenant(t.ID)
	l, err := h.lock(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.release()
	m, err := h.mark()
	if err != nil {
		return err
	}
	if m.uid != t.UID {
		return nil
	}
	if err := d.stopForDestroy(ctx, t, h, purge || !m.complete); err != nil {
		return err
	}
	if h.socketDir != h.dir {
		if err := os.RemoveAll(h.socketDir); err != nil {
			return err
		}
	}
	place := d.trash(t)
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	now := time.Now()
	if err := os.Chtimes(h.dir, now, now); err != nil { // EmptyTrash goes by it
		return err
	}
	if err := os.Rename(h.dir, place); err != nil {
		return err
	}
	if !m.complete { // never was anybody's
		return os.RemoveAll(place)
	}
	return syncDir(filepath.Dir(place))
}

// stopForDestroy stops the instance: in order where the data is kept.
func (d *Driver) stopForDestroy(ctx context.Context, t *catalog.Tenant, h home, lose bool) error {
	defer d.forget(t.ID)
	if _, err := os.Stat(h.dataDir()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if lose {
		return h.end(ctx)
	}
	i, err := h.cluster(postgres.Installation{}).Found()
	if err != nil {
		return err
	}
	if i != nil {
		defer i.Release()
		if err := h.stop(ctx, i); err != nil {
			return err
		}
	}
	return h.end(ctx) // leftovers
}

// Restore brings the tenant's home back from the trash, stopped.
func (d *Driver) Restore(ctx context.Context, t *catalog.Tenant) error {
	h := d.tenant(t.ID)
	if err := h.belongs(t); !errors.Is(err, wake.ErrNotProvisioned) {
		return err // never was away, or somebody else is there
	}
	// An empty home gives way; the rename fails for one that is not.
	err := os.Rename(d.trash(t), h.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return wake.ErrNotProvisioned
	}
	if err != nil {
		return fmt.Errorf("restore tenant %s: %w", t.ID, err)
	}
	return syncDir(filepath.Dir(h.dir))
}

// EmptyTrash removes deleted tenants that were kept for KeepDeleted or longer
// at the time now, and returns how many.
func (d *Driver) EmptyTrash(ctx context.Context, now time.Time) (removed int, err error) {
	dir := filepath.Join(d.config.DataDir, "trash")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("empty trash: %w", err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return removed, fmt.Errorf("empty trash: %w", err)
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && now.Sub(info.ModTime()) < d.config.KeepDeleted {
			continue
		}
		if err == nil {
			err = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
		if err != nil {
			return removed, fmt.Errorf("empty trash: %w", err)
		}
		removed++
	}
	return removed, nil
}
