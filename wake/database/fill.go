package database

import (
	"context"
	"fmt"

	"postern/catalog"
	"postern/wake"
	"postern/wake/superuser"
)

// Fill implements wake.Filler. Meanwhile fill may call the tenant's roles what they
// are called in an instance of its own, so there is one at a time; what broken-off
// ones have left goes first, lest it is in the way.
func (d *Driver) Fill(ctx context.Context, t *catalog.Tenant, fill func(context.Context, wake.Endpoint) error) error {
	select {
	case d.filling <- struct{}{}:
		defer func() { <-d.filling }()
	case <-ctx.Done():
		return fmt.Errorf("wait for another tenant's move: %w", ctx.Err())
	}
	return d.create(ctx, t, func(ctx context.Context, e wake.Endpoint) error {
		if err := d.discardBroken(ctx, e); err != nil {
			return err
		}
		return fill(ctx, e)
	})
}

// discardBroken removes tenants whose making was broken off, and the roles that
// belong to nobody.
func (d *Driver) discardBroken(ctx context.Context, e wake.Endpoint) error {
	uids, err := d.marks.list(making)
	if err != nil {
		return err
	}
	for _, uid := range uids {
		d.mu.Lock()
		_, underWay := d.making[uid]
		d.mu.Unlock()
		if underWay {
			continue
		}
		if err := d.discard(ctx, e, uid); err != nil {
			return fmt.Errorf("remove tenant %s, which was never complete: %w", uid, err)
		}
	}
	conn, err := d.connect(ctx, e)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.DropStrays(ctx)
}

func (d *Driver) discard(ctx context.Context, e wake.Endpoint, uid string) error {
	e.Share = wake.Share{UID: uid}
	conn, err := superuser.Connect(ctx, e, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.DropShare(ctx); err != nil {
		return err
	}
	return d.marks.remove(uid)
}
