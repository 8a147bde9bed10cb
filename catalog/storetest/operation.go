package storetest

import (
	"context"
	"testing"
	"time"

	"postern/catalog"
)

// Operations keeps the records of operations.
type Operations interface {
	FileOperation(ctx context.Context, o catalog.Operation) error
	MoveOperation(ctx context.Context, id string, to catalog.OperationState, failure string) error
	LookupOperation(ctx context.Context, id string) (catalog.Operation, error)
}

// RunOperations checks a store of operations, an empty one, as from newStore.
func RunOperations(t *testing.T, newStore func(t *testing.T) Operations) {
	for name, test := range map[string]func(*testing.T, Operations){
		"States":    testOperationStates,
		"Unknown":   testOperationUnknown,
		"Old":       testOperationOld,
		"Cancelled": testOperationCancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStore(t))
		})
	}
}

func fileOperation(t *testing.T, store Operations, at time.Time) catalog.Operation {
	t.Helper()
	o := catalog.NewOperation("acme", "create", at, time.Minute)
	if err := store.FileOperation(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return o
}

func wantOperation(t *testing.T, store Operations, want catalog.Operation) {
	t.Helper()
	got, err := store.LookupOperation(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want.UpdatedAt.IsZero() { // somewhen
		if got.UpdatedAt.Before(got.CreatedAt) {
			t.Errorf("updated at %v", got.UpdatedAt)
		}
		got.UpdatedAt = time.Time{}
	}
	if got != want {
		t.Errorf("filed is %+v, want %+v", got, want)
	}
}

func testOperationStates(t *testing.T, store Operations) {
	for _, end := range []catalog.OperationState{catalog.Finished, catalog.Unfinished, catalog.Cancelled} {
		o := fileOperation(t, store, time.Now())
		wantOperation(t, store, o)
		for _, step := range []struct {
			to      catalog.OperationState
			failure string
			stays   bool
		}{
			{catalog.Running, "", false}, {end, "it's \"broken\"\nand more", false},
			{catalog.Running, "", true}, {catalog.Finished, "another", true},
		} {
			if err := store.MoveOperation(t.Context(), o.ID, step.to, step.failure); err != nil {
				t.Fatal(err)
			}
			if !step.stays {
				o.State, o.Failure, o.UpdatedAt = step.to, step.failure, time.Time{}
			}
			wantOperation(t, store, o)
		}
	}
}

func testOperationUnknown(t *testing.T, store Operations) {
	fileOperation(t, store, time.Now())
	for _, id := range []string{"", "x", "../acme", "0123456789abcdef0123456789abcdef"} {
		_, err := store.LookupOperation(t.Context(), id)
		wantError(t, "look up", err, catalog.ErrNoOperation)
		wantError(t, "move", store.MoveOperation(t.Context(), id, catalog.Running, ""), catalog.ErrNoOperation)
	}
}

// Old ones go when new ones come.
func testOperationOld(t *testing.T, store Operations) {
	old := fileOperation(t, store, time.Now())
	fileOperation(t, store, time.Now().Add(catalog.KeepOperations/2))
	wantOperation(t, store, old)
	fileOperation(t, store, time.Now().Add(2*catalog.KeepOperations))
	_, err := store.LookupOperation(t.Context(), old.ID)
	wantError(t, "look up an old one", err, catalog.ErrNoOperation)
}

func testOperationCancelled(t *testing.T, store Operations) {
	o := fileOperation(t, store, time.Now())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.LookupOperation(ctx, o.ID)
	wantError(t, "look up", err, context.Canceled)
	wantError(t, "move", store.MoveOperation(ctx, o.ID, catalog.Finished, ""), context.Canceled)
	wantError(t, "file", store.FileOperation(ctx, catalog.NewOperation("acme", "create", time.Now(), 0)), context.Canceled)
	wantOperation(t, store, o)
}
