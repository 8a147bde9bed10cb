package router

import (
	"slices"
	"testing"
)

// Promises: A15.
func TestSplitOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		options string
		words   []string
		joined  string // "" where it is the same as options
	}{
		{``, nil, ``},
		{"  \t\n", nil, ``},
		{`-c a=b -c c=d`, []string{"-c", "a=b", "-c", "c=d"}, ``},
		{"\v-ca=b\f\r\n--c=d ", []string{"-ca=b", "--c=d"}, `-ca=b --c=d`},
		{`-c search_path=a,\ b`, []string{"-c", "search_path=a, b"}, ``},
		{`a\\b \\`, []string{`a\b`, `\`}, ``},
		{`a\b`, []string{"ab"}, `ab`},
		{`tenant=my-cluster+x%20`, []string{"tenant=my-cluster+x%20"}, ``},
		{`-c "a b"`, []string{"-c", `"a`, `b"`}, ``}, // quotes mean nothing
		{`a b\`, []string{"a", "b"}, `a b`},
		{`a \`, []string{"a", ""}, ``},
		{`-c application_name=x-cy`, []string{"-c", "application_name=x-cy"}, ``},
		{`é\ é`, []string{"é é"}, ``},
	}
	for _, test := range tests {
		words := SplitOptions(test.options)
		if !slices.Equal(words, test.words) {
			t.Errorf("%q split into %q, want %q", test.options, words, test.words)
		}
		joined := test.joined
		if joined == "" && len(test.words) > 0 {
			joined = test.options
		}
		if got := JoinOptions(words); got != joined {
			t.Errorf("%q joined to %q, want %q", words, got, joined)
		}
	}
}

func TestJoinLeavesOutWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if got := JoinOptions([]string{"", "a", "", "b"}); got != "a b" {
		t.Errorf("got %q", got)
	}
}

// Promises: A15.
func TestParseOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		options string
		want    []string // "name=value", or the switch itself
	}{
		{`-c a=b`, []string{"a=b"}},
		{`-ca=b`, []string{"a=b"}},
		{`--a=b`, []string{"a=b"}},
		{`a=b`, []string{"a=b"}},
		{`--Work-Mem=4-MB`, []string{"work_mem=4-MB"}},
		{`-c a=`, []string{"a="}},
		{`-c a=b=c`, []string{"a=b=c"}},
		{`-c a\ b=c`, []string{"a b=c"}},
		{`-c -c a=b`, []string{"[-c -c]", "a=b"}}, // "-c" is the first one's argument
		{`-c`, []string{"[-c]"}},
		{`-- --flag word -`, []string{"[--]", "[--flag]", "[word]", "[-]"}},
		{`-B 16 -S 64 -i -e a=b`, []string{"[-B 16]", "[-S 64]", "[-i]", "[-e]", "a=b"}},
		{`-B16 a=b`, []string{"[-B16]", "a=b"}},
		{`-iB a=b`, []string{"[-iB a=b]"}},
		{`-B`, []string{"[-B]"}},
	}
	for _, test := range tests {
		var got []string
		for _, o := range parseOptions(SplitOptions(test.options)) {
			if o.name != "" {
				got = append(got, o.name+"="+o.value)
			} else {
				got = append(got, "["+JoinOptions(o.words)+"]")
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.options, got, test.want)
		}
	}
}

func FuzzSplitOptions(f *testing.F) {
	for _, s := range []string{``, `-c a=b`, `a\ b\\ \`, " \\\n x", `\`, `--x=y -cz=\ `} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words := SplitOptions(s)
		joined := JoinOptions(words)
		if again := SplitOptions(joined); !slices.Equal(again, words) {
			t.Fatalf("%q: %q, joined %q, split again %q", s, words, joined, again)
		}
		if len(joined) > 2*len(s) {
			t.Fatalf("%q grew to %q", s, joined)
		}
		count := 0
		for _, o := range parseOptions(words) {
			count += len(o.words)
		}
		if count != len(words) {
			t.Fatalf("%q: %d words, %d after parsing", s, len(words), count)
		}
	})
}
