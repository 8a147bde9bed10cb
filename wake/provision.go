package wake

import (
	"context"
	"time"

	"postern/catalog"
)

// provisionTimeout is the least that the making of an instance may take, however
// impatient those are who wait for it: the first one of a version makes a template,
// and broken off too soon it would never come to an end.
const provisionTimeout = 2 * time.Minute

// unmade reports whether a record says that its tenant has no instance yet. A data
// directory that has vanished must not be replaced by an empty one, so neither
// a tenant that was ever awake is meant, nor one that says anything else.
func unmade(t *catalog.Tenant) bool {
	return t.State == catalog.Provisioning || t.State == catalog.Failed && t.LastActiveAt.IsZero()
}

// provision makes the instance of a tenant that has none yet, and wakes it. Only
// the record freshly read allows it. One that another proxy has moved is at another
// driver.
func (g *Gate) provision(operation *operation, driver Driver, t *catalog.Tenant) (Endpoint, error) {
	ctx, cancel := context.WithTimeout(g.life, max(g.config.Timeout, provisionTimeout))
	defer cancel()
	was := t.Driver
	t, err := g.config.Store.Lookup(ctx, t.ID)
	if err != nil {
		return Endpoint{}, err
	}
	if t.Driver != was {
		operation.tenant = t
		if driver, err = g.driver(t); err != nil {
			return Endpoint{}, err
		}
		return driver.Wake(ctx, t)
	}
	if !unmade(t) {
		return Endpoint{}, &FailedError{
			Reason: "the tenant's data is gone",
			Hint:   "Restore its data directory, or delete the tenant.",
		}
	}
	if err := driver.Provision(ctx, t); err != nil {
		return Endpoint{}, err
	}
	return driver.Wake(ctx, t)
}
