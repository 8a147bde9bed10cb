package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"postern/catalog"
)

// MoveTenant says where a tenant is to move.
type MoveTenant struct {
	Driver  string `json:"driver" minLength:"1" doc:"Which driver is to run its Postgres" example:"database"`
	Timeout string `json:"timeout,omitempty" doc:"How long the move may take, with the wait for running work; default 10m" example:"10m"`
}

// moveTimeout is how long a move may take by default.
const moveTimeout = 10 * time.Minute

type moveTenantInput struct {
	TenantPath
	Body MoveTenant
}

// wait is part of how long the operation may take. (patient)
func (in *moveTenantInput) wait() time.Duration {
	d, _ := duration(in.Body.Timeout, moveTimeout) // what is none is refused later
	return d
}

// moveTenant has a tenant's Postgres run by another driver. Its clients wait.
func (a *api) moveTenant(ctx context.Context, in *moveTenantInput) (*actionOutput, error) {
	timeout, err := duration(in.Body.Timeout, moveTimeout)
	if err != nil {
		return nil, err
	}
	t, err := a.operable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	driver := in.Body.Driver
	switch {
	case !slices.Contains(a.Drivers, driver):
		return nil, problemf(http.StatusUnprocessableEntity, "there is no driver %q", driver).
			hint("Drivers: %s.", strings.Join(a.Drivers, ", "))
	case t.Driver == driver:
		return a.acted(t, true), nil
	case a.Mover == nil:
		return nil, problemf(http.StatusNotImplemented, "tenants cannot be moved here")
	}
	moving, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = a.Mover.Move(moving, t, driver)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, problemf(http.StatusConflict, "tenant %s was deleted meanwhile", t.ID)
	} else if isBusy(err) {
		return nil, problemf(http.StatusConflict, "%v", err).hint("Wait until it is done, or end those sessions; then try again.")
	} else if err != nil {
		return nil, err
	}
	was := t.Driver
	if t, err = a.Store.Lookup(ctx, t.ID); err != nil {
		return nil, fmt.Errorf("look up moved tenant %s: %w", in.ID, err)
	}
	a.Log.Info("tenant moved", "tenant", t.ID, "from", was, "to", t.Driver)
	return a.acted(t, false), nil
}
