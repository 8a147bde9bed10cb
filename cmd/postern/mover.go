package main

import (
	"context"
	"time"

	"postern/catalog"
	"postern/proxy"
	"postern/wake"
)

// mover moves tenants from one driver to another behind a hold of their clients. It
// is the API's.
type mover struct {
	gate  *wake.Gate
	proxy *proxy.Server
	copy  wake.Mover
}

// holdTimeout bounds the wait for transactions that run: whoever comes meanwhile has
// to wait as well.
const holdTimeout = 30 * time.Second

// Move implements api.Mover.
func (m mover) Move(ctx context.Context, t *catalog.Tenant, driver string) error {
	waiting, cancel := context.WithTimeout(ctx, holdTimeout)
	defer cancel()
	release, err := m.proxy.Hold(waiting, t)
	if err != nil {
		return err
	}
	defer release()
	return m.gate.Move(ctx, t, driver, m.copy)
}
