package configs

import (
	"testing"

	"github.com/BurntSushi/toml"
)

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{
		"0": 0, "0B": 0, "512B": 512, "64KiB": 64 << 10, "10 MiB": 10 << 20, "3GiB": 3 << 30, "1TiB": 1 << 40,
	} {
		got, err := ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
		if again, err := ParseSize(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q and read again as %d, %v", text, got.String(), again, err)
		}
	}
	for _, text := range []string{"", "64", "64kB", "64KB", "-1B", "1.5MiB", "KiB", "9999999TiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestSizeInTOML(t *testing.T) {
	t.Parallel()
	var sizes struct{ A, B Size }
	if _, err := toml.Decode("A = \"64KiB\"\nB = 1536", &sizes); err != nil {
		t.Fatal(err)
	}
	if sizes.A != 64<<10 || sizes.B != 1536 || sizes.B.String() != "1536B" {
		t.Errorf("got %v", sizes)
	}
	for _, text := range []string{"A = -1", "A = true", "A = \"64\""} {
		if _, err := toml.Decode(text, &sizes); err == nil {
			t.Errorf("%s is %v", text, sizes.A)
		}
	}
}
