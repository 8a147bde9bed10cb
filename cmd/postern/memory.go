package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// When the memory that work has left behind is given back: there is much of it, and
// hardly any is added.
const (
	tidyEvery  = 2 * time.Second
	tidyWorth  = 16 << 20 // bytes
	tidyDuring = 1 << 20  // bytes in tidyEvery
)

// returnMemory gives memory back to the system when a burst of work is over. Go
// would keep it for minutes: relaying allocates next to nothing, so that nothing
// makes it collect what the logins of thousands of clients have left.
func returnMemory(ctx context.Context) error {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var tidied, before uint64 // how much was allocated by then
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		metrics.Read(sample)
		now := sample[0].Value.Uint64()
		if now-tidied > tidyWorth && now-before < tidyDuring {
			debug.FreeOSMemory()
			tidied = now
		}
		before = now
	}
}
