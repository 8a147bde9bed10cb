package proxy

import (
	"testing"
	"time"
)

func TestTurnstile(t *testing.T) {
	t.Parallel()
	var s turnstile
	start := time.Unix(1_000_000, 0)
	for n, test := range []struct {
		limit int
		at    time.Duration
		want  bool
	}{
		{2, 0, true}, {2, 0, true}, {2, time.Minute - 1, false},
		{3, time.Minute - 1, true}, // the limit was raised
		{2, time.Minute, true}, {2, time.Minute, true}, {2, 2*time.Minute - 1, false},
		{0, 2*time.Minute - 1, true},
	} {
		if got := s.admit(test.limit, start.Add(test.at)); got != test.want {
			t.Errorf("case %d: admitted %v", n+1, got)
		}
	}
}
