package process

import (
	"errors"
	"os"
	"testing"

	"postern/wake"
	"postern/wake/drivertest"
)

// Where the disk is nearly full no tenant is made, and those that are there run.
func TestNoRoomToMake(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	lull(t, d, tenant)
	d.hasRoomToMake = func(string) (bool, error) { return false, nil }
	other := drivertest.Tenant(t, "beta")
	if err := d.Provision(t.Context(), other); !errors.Is(err, wake.ErrNoRoom) {
		t.Errorf("provision: %v", err)
	}
	if _, err := os.Stat(d.tenant(other.ID).dir); err == nil {
		t.Error("something was made")
	}
	rouse(t, d, tenant)
	if err := d.Provision(t.Context(), tenant); err != nil {
		t.Errorf("provision of what is there: %v", err)
	}
	if enough, err := hasRoomToMake(d.config.DataDir); !enough || err != nil {
		t.Errorf("here: %v, %v", enough, err)
	}
}
