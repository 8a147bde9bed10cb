package auth

import "github.com/xdg-go/stringprep"

// PostgreSQL's SASLprep (RFC 4013) differs from others in two ways, and a
// password hashes to something else where they do: a zero-width space counts as
// a space before it could count as nothing, and what is prohibited is looked for
// before compatibility forms are taken apart. So the steps are taken one by one.
var (
	prohibited = stringprep.Profile{Prohibits: stringprep.SASLprep.Prohibits, CheckBiDi: true}
	normalize  = stringprep.Profile{Normalize: true}
)

// prepare returns the password as PostgreSQL and libpq hash it. One that is not
// UTF-8, that SASLprep refuses, or of which nothing is left, stays as it is.
func prepare(password string) string {
	var mapped []rune
	for _, r := range password { // what is not UTF-8 becomes U+FFFD, which is prohibited
		if stringprep.TableC1_2.Contains(r) {
			r = ' '
		} else if nothing, ok := stringprep.TableB1.Map(r); ok {
			mapped = append(mapped, nothing...)
			continue
		}
		mapped = append(mapped, r)
	}
	if len(mapped) == 0 {
		return password
	}
	if _, err := prohibited.Prepare(string(mapped)); err != nil {
		return password
	}
	prepared, err := normalize.Prepare(string(mapped))
	if err != nil {
		return password
	}
	return prepared
}
