package admin

import (
	"context"
	"slices"
	"time"
)

// Wake is one start of a tenant's Postgres, under way or past.
type Wake struct {
	Tenant, Driver string
	// State is "waking", "ok" or "failed".
	State string
	// Phase is how far it came, in the driver's words.
	Phase     string
	StartedAt time.Time
	// Took is how long it took, or has taken so far.
	Took time.Duration
	// Clients wait for it.
	Clients int
	// Failure is why it failed, "" otherwise.
	Failure string
}

func wakeColumns() []column {
	return slices.Concat(text("tenant", "driver", "state", "phase", "started_at"), bigint("duration_us"),
		integer("clients_waiting"), text("failure"))
}

// wakeRows lists the newest first.
func (c *Console) wakeRows(context.Context) ([]row, error) {
	if c.config.Wakes == nil {
		return nil, nil
	}
	wakes := c.config.Wakes()
	slices.SortStableFunc(wakes, func(a, b Wake) int { return b.StartedAt.Compare(a.StartedAt) })
	rows := make([]row, 0, len(wakes))
	for _, w := range wakes {
		rows = append(rows, row{
			w.Tenant, w.Driver, w.State, w.Phase, timestamp(w.StartedAt), w.Took.Microseconds(), int64(w.Clients), w.Failure,
		})
	}
	return rows, nil
}
