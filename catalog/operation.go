package catalog

import (
	"fmt"
	"time"
)

// Operation is work on one tenant that goes on when whoever asked for it does not
// wait. Its record tells what came of it, also after the tenant is gone.
type Operation struct {
	// ID is 32 hexadecimal digits.
	ID string
	// Tenant is what is worked on.
	Tenant TenantID
	// Kind says what is done: "create", "delete", …
	Kind string
	// State is how far it is.
	State OperationState
	// Failure says why it failed or was cancelled, for the operator.
	Failure string
	// Deadline is when it is over, whatever happens: past it, one that is still
	// said to run was broken off. See At.
	Deadline time.Time
	// CreatedAt and UpdatedAt are of the record.
	CreatedAt, UpdatedAt time.Time
}

// OperationState is how far an operation is.
type OperationState string

// The states of an operation. The last three are for ever.
const (
	Scheduling OperationState = "scheduling" // filed, not begun
	Running    OperationState = "running"    // under way
	Finished   OperationState = "finished"   // done
	Unfinished OperationState = "failed"     // Operation.Failure says why
	Cancelled  OperationState = "cancelled"  // given up before it came to an end
)

// Over reports whether nothing more will happen.
func (s OperationState) Over() bool { return s == Finished || s == Unfinished || s == Cancelled }

// KeepOperations is how long a Store keeps the record of an operation after it was
// last changed, at least.
const KeepOperations = 7 * 24 * time.Hour

// NewOperation returns an operation as it is filed first; it has to be over within
// the time limit.
func NewOperation(tenant TenantID, kind string, now time.Time, limit time.Duration) Operation {
	return Operation{
		ID: newUID(), Tenant: tenant, Kind: kind, State: Scheduling,
		Deadline: storedTime(now.Add(limit)), CreatedAt: storedTime(now), UpdatedAt: storedTime(now),
	}
}

// Moved returns o in its next state. One that is over stays as it is.
func (o Operation) Moved(to OperationState, failure string, now time.Time) Operation {
	if o.State.Over() {
		return o
	}
	o.State, o.Failure, o.UpdatedAt = to, failure, storedTime(now)
	return o
}

// At returns o as it is at the time now: past its deadline nobody is at it any more.
func (o Operation) At(now time.Time) Operation {
	if o.State.Over() || !now.After(o.Deadline) {
		return o
	}
	return o.Moved(Unfinished, "it was broken off", o.Deadline)
}

// ParseOperationID checks the form of an operation's id.
func ParseOperationID(s string) (string, error) {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("operation %q: %w", s, ErrNoOperation)
		}
	}
	if len(s) != 32 {
		return "", fmt.Errorf("operation %q: %w", s, ErrNoOperation)
	}
	return s, nil
}
