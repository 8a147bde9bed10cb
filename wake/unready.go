package wake

import (
	"fmt"
	"time"
)

// UnreadyError is why a tenant's instance cannot be had now.
type UnreadyError struct {
	// Phase is what was going on: "waking", "backing off", "closing", …
	Phase string
	// RetryAfter is when another try may help, 0 if nobody knows.
	RetryAfter time.Duration
	// Err is the cause.
	Err error
}

func (e *UnreadyError) Error() string { return fmt.Sprintf("%s: %v", e.Phase, e.Err) }

// Unwrap returns the cause.
func (e *UnreadyError) Unwrap() error { return e.Err }
