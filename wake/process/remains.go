package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postern/catalog"
	"postern/wake/postgres"
)

// clearRemains ends and removes what was being made when its Postern ended: half a
// tenant, with its postmaster perhaps, and half a template. What somebody else is
// making now is locked, and left alone. A tenant is made anew when it is asked for.
func (d *Driver) clearRemains(ctx context.Context) error {
	tenants, err := os.ReadDir(filepath.Join(d.config.DataDir, "tenants"))
	if err != nil {
		return fmt.Errorf("look for half-made instances: %w", err)
	}
	for _, e := range tenants {
		if err := ctx.Err(); err != nil {
			return err
		}
		h := d.tenant(catalog.TenantID(e.Name()))
		if m, err := h.mark(); err != nil || m.uid == "" || m.complete {
			continue
		}
		if err := d.clearTenant(ctx, h); err != nil {
			return fmt.Errorf("remove the half-made instance in %s: %w", h.dir, err)
		}
	}
	templates, err := os.ReadDir(filepath.Join(d.config.DataDir, "templates"))
	if err != nil {
		return fmt.Errorf("look for half-made templates: %w", err)
	}
	for _, e := range templates {
		major, ok := strings.CutSuffix(e.Name(), unfinished)
		if !ok {
			continue
		}
		if err := d.clearTemplate(ctx, filepath.Join(d.config.DataDir, "templates", major)); err != nil {
			return fmt.Errorf("remove a half-made template of PostgreSQL %s: %w", major, err)
		}
	}
	return nil
}

// clearTenant leaves a home's mark, by which Destroy knows whose it is.
func (d *Driver) clearTenant(ctx context.Context, h home) error {
	l, err := tryLock(filepath.Join(h.dir, lockName), h.user)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // destroyed just now
	}
	if l == nil || err != nil {
		return err
	}
	defer l.release()
	if m, err := h.mark(); err != nil || m.complete {
		return err
	}
	return h.discard(ctx, provisioningMark)
}

func (d *Driver) clearTemplate(ctx context.Context, place string) error {
	l, err := tryLock(place+".lock", postgres.User{})
	if l == nil || err != nil {
		return err
	}
	defer l.release()
	h := d.unfinishedTemplate(place)
	if err := h.discard(ctx); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(os.RemoveAll(h.socketDir), os.RemoveAll(h.dir))
}
