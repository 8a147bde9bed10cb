package wake

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

func TestUnsupported(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.driver.capabilities = Capabilities{}
		e := w.rouse("acme")
		w.settle()
		w.driver.called()
		acme := w.record("acme")
		if err := w.Suspend(t.Context(), acme, true); !errors.Is(err, ErrUnsupported) {
			t.Error(err)
		}
		if got, awake := w.Awake("acme"); !awake || got.Run != e.Run {
			t.Error("not awake after a suspend that is not possible")
		}
		if err := errors.Join(w.Destroy(t.Context(), acme, true), w.Restore(t.Context(), acme)); err != nil {
			t.Error(err)
		}
		if got := w.driver.called(); got != "" {
			t.Errorf("calls: %s", got) // somebody else's Postgres is left alone
		}
	})
}

func TestDestroyAndRestore(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.rouse("acme")
		w.settle()
		acme := w.record("acme")
		if err := w.Destroy(t.Context(), acme, false); err != nil {
			t.Fatal(err)
		}
		if _, awake := w.Awake("acme"); awake {
			t.Error("awake")
		}
		var failed *FailedError
		if _, err := w.Ready(t.Context(), acme); !errors.As(err, &failed) {
			t.Error(err)
		}
		w.settle()
		time.Sleep(time.Minute)
		if err := w.Restore(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		w.rouse("acme")
		w.settle()
		if err := w.Destroy(t.Context(), acme, true); err != nil {
			t.Fatal(err)
		}
		if err := w.Restore(t.Context(), acme); !errors.Is(err, ErrNotProvisioned) {
			t.Error(err)
		}
		w.settle()
		if got := w.remembered(); len(got) > 0 {
			t.Errorf("the gate remembers %v", got)
		}
	})
}

// A Destroy that fails leaves what runs as it was.
func TestDestroyFails(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		first := w.rouse("acme")
		broken := errors.New("broken")
		w.driver.failNext("destroy", broken)
		if err := w.Destroy(t.Context(), w.record("acme"), true); !errors.Is(err, broken) {
			t.Error(err)
		}
		if e, awake := w.Awake("acme"); !awake || e.Run != first.Run {
			t.Error("not awake")
		}
	})
}

// A new tenant does not wait because an old one of its name was broken.
func TestDestroyForgetsFailures(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		broken := errors.New("broken")
		for range 6 {
			w.driver.failNext("wake", broken)
			w.Ready(t.Context(), w.record("acme"))
			time.Sleep(time.Minute)
		}
		w.driver.failNext("wake", broken)
		w.Ready(t.Context(), w.record("acme"))
		w.settle()
		if err := errors.Join(w.Destroy(t.Context(), w.record("acme"), true), w.store.Purge(t.Context(), "acme")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.remembered(); len(got) > 0 {
			t.Errorf("the gate remembers %v", got)
		}
		w.tenant("acme", catalog.Provisioning)
		w.rouse("acme")
	})
}
