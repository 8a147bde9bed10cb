package catalog_test

import (
	"testing"
	"time"

	"postern/catalog"
)

// One whose Postern has died is not said to run for ever.
func TestBrokenOffOperation(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0).UTC()
	o := catalog.NewOperation("acme", "create", now, time.Minute)
	running := o.Moved(catalog.Running, "", now)
	if got := running.At(now.Add(time.Minute)); got != running {
		t.Errorf("at its deadline: %+v", got)
	}
	if got := running.At(now.Add(time.Minute + 1)); got.State != catalog.Unfinished || got.Failure == "" || !got.UpdatedAt.Equal(o.Deadline) {
		t.Errorf("past its deadline: %+v", got)
	}
	if done := running.Moved(catalog.Finished, "", now); done.At(now.Add(time.Hour)) != done {
		t.Error("one that is over has changed")
	}
	if _, err := catalog.ParseOperationID(o.ID); err != nil {
		t.Error(err)
	}
}
