package main

import (
	"context"
	"testing"
	"testing/synctest"
)

// Who closes it waits for what is under way, which hears that it is to end; what
// comes too late hears it at once.
func TestBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, ended := newBackground(), 0
		work := func(ctx context.Context) {
			<-ctx.Done()
			ended++
		}
		b.do(work)
		synctest.Wait()
		if ended != 0 {
			t.Error("ended before the end")
		}
		b.close()
		b.do(work)
		if ended != 2 {
			t.Errorf("%d have ended, want 2", ended)
		}
	})
}
