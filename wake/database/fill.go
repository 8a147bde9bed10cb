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
	return d.create(ctx, t, func(ctx context.Context, e wake.Endpoint) error {
		conn, err := d.connect(ctx, e)
		if err != nil {
			return err
		}
		defer conn.Close() // which gives up the lock
		if err := conn.Lock(ctx, "fill"); err != nil {
			return err
		}
		if err := d.discardBroken(ctx, e, t.UID); err != nil {
			return err
		}
		if err := conn.DropStrays(ctx); err != nil {
			return err
		}
		return fill(ctx, e)
	})
}

// discardBroken removes the tenants, but for one, whose making was broken off: nobody
// has the lock of it.
func (d *Driver) discardBroken(ctx context.Context, e wake.Endpoint, but string) error {
	uids, err := d.marks.list(making)
	if err != nil {
		return err
	}
	for _, uid := range uids {
		if uid == but {
			continue
		}
		if err := d.discard(ctx, e, uid); err != nil {
			return fmt.Errorf("remove tenant %s, which was never complete: %w", uid, err)
		}
	}
	return nil
}

func (d *Driver) discard(ctx context.Context, e wake.Endpoint, uid string) error {
	e.Share = wake.Share{UID: uid}
	conn, err := superuser.Connect(ctx, e, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	ours, err := conn.TryLock(ctx, uid)
	if err != nil || !ours {
		return err
	}
	if s, err := d.marks.standing(uid); s != making || err != nil { // it has come to its end
		return err
	}
	if err := conn.DropShare(ctx); err != nil {
		return err
	}
	return d.marks.remove(uid)
}
