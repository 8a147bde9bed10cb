package configs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time that is never negative, written as in "30s",
// "10m", "1h30m", "7d" or 0.
type Duration time.Duration

const day = 24 * time.Hour

// ParseDuration reads what time.ParseDuration reads, with days ("d", 24 hours)
// in front, and nothing negative.
func ParseDuration(s string) (Duration, error) {
	var total time.Duration
	rest := s
	if days, after, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16) // 65535 days are 179 years
		if err != nil {
			return 0, errDuration(s)
		}
		total, rest = time.Duration(n)*day, after
	}
	if rest != "" || total == 0 && rest == s {
		d, err := time.ParseDuration(rest)
		if err != nil || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
			return 0, errDuration(s)
		}
		total += d
	}
	if total < 0 {
		return 0, errDuration(s)
	}
	return Duration(total), nil
}

func errDuration(s string) error {
	if _, err := strconv.Atoi(s); err == nil {
		return fmt.Errorf("%q has no unit; write for example %q", s, s+"s")
	}
	return fmt.Errorf("%q is no duration; write for example \"30s\", \"10m\" or \"7d\"", s)
}

// String returns the shortest form: "7d", "1h30m", "0s".
func (d Duration) String() string {
	t := time.Duration(d)
	var days string
	if t >= day {
		days, t = strconv.Itoa(int(t/day))+"d", t%day
		if t == 0 {
			return days
		}
	}
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return days + s
}

// MarshalText writes the String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalTOML reads a string or the integer 0.
func (d *Duration) UnmarshalTOML(v any) (err error) {
	switch v := v.(type) {
	case string:
		*d, err = ParseDuration(v)
		return err
	case int64:
		if v != 0 {
			return errDuration(strconv.FormatInt(v, 10))
		}
		*d = 0
		return nil
	}
	return errors.New("must be a duration such as \"30s\", or 0")
}
