package catalog

import (
	"testing"
	"time"
)

func TestSleepsAfter(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]time.Duration{
		"": time.Hour, "10m": 10 * time.Minute, "1s": time.Second, "0": 0, "0s": 0,
		"1ms": time.Hour, "-1m": time.Hour, "soon": time.Hour, // which no store takes
	} {
		tenant := Tenant{IdleTimeout: own}
		if got := tenant.SleepsAfter(time.Hour); got != want {
			t.Errorf("%q: %v, want %v", own, got, want)
		}
		valid := own == "" || want != time.Hour
		if err := CheckIdleTimeout(own); (err == nil) != valid {
			t.Errorf("%q: %v", own, err)
		}
	}
}
