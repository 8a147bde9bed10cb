package configs

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as in "64KiB", "10MiB", "512B" or 0.
type Size int64

// The units of a Size. Only those that mean the same to everybody: a "kB" is
// 1000 bytes to some and 1024 to Postgres.
var sizeUnits = [...]struct {
	name  string
	bytes Size
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseSize reads a whole number with a unit, or "0".
func ParseSize(s string) (Size, error) {
	if s == "0" {
		return 0, nil
	}
	for _, unit := range sizeUnits {
		number, found := strings.CutSuffix(s, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 63)
		if err != nil || Size(n) > math.MaxInt64/unit.bytes {
			break
		}
		return Size(n) * unit.bytes, nil
	}
	return 0, fmt.Errorf("%q is no size; write for example \"64KiB\", with B, KiB, MiB, GiB or TiB", s)
}

// String returns the size in the largest unit that fits exactly.
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if s != 0 && s%unit.bytes == 0 {
			return strconv.FormatInt(int64(s/unit.bytes), 10) + unit.name
		}
	}
	return "0"
}

// MarshalText writes the String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalTOML reads a string or a whole number of bytes.
func (s *Size) UnmarshalTOML(v any) (err error) {
	switch v := v.(type) {
	case string:
		*s, err = ParseSize(v)
		return err
	case int64:
		if v < 0 {
			return fmt.Errorf("%d is less than 0", v)
		}
		*s = Size(v)
		return nil
	}
	return errors.New("must be a size such as \"64KiB\"")
}
