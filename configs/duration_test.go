package configs

import (
	"testing"
	"time"
)

// Promises: G115.
func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "30s": 30 * time.Second, "250ms": 250 * time.Millisecond, "10m": 10 * time.Minute,
		"1h30m": 90 * time.Minute, "7d": 7 * day, "1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "65535d": 65535 * day,
	} {
		got, err := ParseDuration(text)
		if err != nil || time.Duration(got) != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
		if again, err := ParseDuration(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q and read again as %v, %v", text, got.String(), again, err)
		}
	}
	for _, text := range []string{"", "30", "-1s", "+1s", "1d-2h", "1d+2h", "d", "-1d", "1d1d", "1.5d", "65536d", "65535d2500000h", "2562048h", "1 s", "forever"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestDurationString(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0s": 0, "10m": 10 * time.Minute, "1h": time.Hour, "1h10m": 70 * time.Minute, "1h0m5s": time.Hour + 5*time.Second,
		"7d": 7 * day, "1d1h": 25 * time.Hour, "1m30s": 90 * time.Second, "10s": 10 * time.Second,
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
