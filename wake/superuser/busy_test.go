package superuser_test

import (
	"strings"
	"testing"
)

// What this proxy does as superuser is nobody's work, what another one does is.
func TestBusyWithAnotherProxy(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.Proxy = "one"
	mine := connect(t, e)
	connect(t, e)
	if busy, err := mine.Busy(t.Context()); err != nil || len(busy) > 0 {
		t.Errorf("busy: %q, %v", busy, err)
	}
	e.Proxy = "another"
	connect(t, e)
	if busy, err := mine.Busy(t.Context()); err != nil || len(busy) != 1 || !strings.Contains(busy[0], "postern/another") {
		t.Errorf("busy: %q, %v", busy, err)
	}
}
