package relay

import "testing"

// Sessions of one proxy have numbers of their own even where its configuration has
// changed in between: what they leave on server connections is told apart by them.
func TestConfigWith(t *testing.T) {
	t.Parallel()
	first := &Config{MaxStatements: 1}
	second := first.With(&Config{MaxStatements: 2, NoPins: true})
	third := second.With(&Config{MaxStatements: 3, AnswerEmpty: true})
	seen := map[uint64]bool{}
	for range 3 {
		for _, c := range []*Config{first, second, third} {
			n := c.number()
			if seen[n] {
				t.Fatalf("%d was given twice", n)
			}
			seen[n] = true
		}
	}
	if second.MaxStatements != 2 || !second.NoPins || third.NoPins || !third.AnswerEmpty || first.MaxStatements != 1 {
		t.Errorf("got %d %v, %v, %d", second.MaxStatements, second.NoPins, third.NoPins, first.MaxStatements)
	}
}
