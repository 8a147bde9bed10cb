package pgtest

import (
	"slices"
	"strings"
)

// around is how many equal lines Diff shows around a difference.
const around = 3

// Diff compares lines and returns "" if they are equal, or else the lines that
// only want has ("- "), those that only got has ("+ ") and a few around them.
func Diff(want, got []string) string {
	if slices.Equal(want, got) {
		return ""
	}
	edits := compare(want, got)
	shown := make([]bool, len(edits))
	for i, e := range edits {
		if e[0] != ' ' {
			for j := max(0, i-around); j <= min(len(edits)-1, i+around); j++ {
				shown[j] = true
			}
		}
	}
	var b strings.Builder
	for i, e := range edits {
		switch {
		case shown[i]:
			b.WriteString(e + "\n")
		case i == 0 || shown[i-1]:
			b.WriteString("  …\n")
		}
	}
	return b.String()
}

// compare lists all lines, marked "  ", "- " or "+ ", such that as many as
// possible are common to both.
func compare(want, got []string) []string {
	// common[i][j] is the most that want[i:] and got[j:] have in common.
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var edits []string
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			edits = append(edits, "  "+want[i])
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			edits = append(edits, "- "+want[i])
			i++
		default:
			edits = append(edits, "+ "+got[j])
			j++
		}
	}
	return edits
}
