package catalog

import (
	"fmt"
	"time"
)

// MinIdleTimeout is the least that an idle timeout may be, other than 0.
const MinIdleTimeout = time.Second

// CheckIdleTimeout says what is wrong with a Tenant's IdleTimeout.
func CheckIdleTimeout(s string) error {
	if s == "" {
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 0 && d < MinIdleTimeout {
		return fmt.Errorf("%q is no idle timeout: write a duration such as 10m, at least %v, or 0 for never", s, MinIdleTimeout)
	}
	return nil
}

// SleepsAfter is how long the tenant may have no work before it is suspended, 0 for
// ever; byDefault if it has no timeout of its own.
func (t *Tenant) SleepsAfter(byDefault time.Duration) time.Duration {
	if t.IdleTimeout == "" || CheckIdleTimeout(t.IdleTimeout) != nil {
		return byDefault
	}
	d, _ := time.ParseDuration(t.IdleTimeout) // was checked
	return d
}
