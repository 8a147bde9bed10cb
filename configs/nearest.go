package configs

import "strings"

// nearest returns the candidate that key was probably meant to be: one that
// ends in the same name, else the one with the fewest edits.
func nearest(key string, candidates []string) string {
	best, fewest := "", -1
	for _, candidate := range candidates {
		d := distance(key, candidate)
		if last(key) == last(candidate) {
			d -= len(key) + len(candidate) // before all others
		}
		if best == "" || d < fewest {
			best, fewest = candidate, d
		}
	}
	return best
}

// last returns what stands behind the last dot of key.
func last(key string) string { return key[strings.LastIndex(key, ".")+1:] }

// distance is Levenshtein's: how many bytes to insert, remove or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
