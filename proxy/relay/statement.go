package relay

// statement moves behind the next statement and returns its effects, or false
// when there is none left. It allocates nothing.
func (l *lexer) statement() (Effects, bool) {
	var first [2]word
	for n := 0; ; {
		kind, token := l.next()
		switch {
		case kind == end && n == 0:
			return 0, false
		case kind == semicolon && n == 0:
			continue // an empty statement
		case kind == end || kind == semicolon:
			return judge(&first[0], &first[1]), true
		}
		if n < len(first) && kind == name {
			first[n] = wordOf(token)
		}
		n++
	}
}

// judge returns the effects of a statement by its first two words.
func judge(first, second *word) Effects {
	switch {
	case first.is("COMMIT"), first.is("END"), first.is("PREPARE") && second.is("TRANSACTION"):
		return Commits
	case first.is("GRANT"), first.is("REVOKE"), first.is("REASSIGN"):
		return Logins
	case first.is("CREATE"), first.is("ALTER"), first.is("DROP"):
		switch {
		case second.is("ROLE"), second.is("USER"), second.is("GROUP"):
			return Roles | Logins
		case second.is("DATABASE"), second.is("SYSTEM"):
			return Logins
		}
	}
	return 0
}

// word is a name in upper case, empty if it is longer than any that matters.
type word struct {
	n    int
	text [16]byte
}

func wordOf(token []byte) word {
	var w word
	if len(token) > len(w.text) {
		return w
	}
	w.n = copy(w.text[:], token)
	for i, c := range w.text[:w.n] {
		if c >= 'a' && c <= 'z' {
			w.text[i] = c - 'a' + 'A'
		}
	}
	return w
}

func (w *word) is(text string) bool { return string(w.text[:w.n]) == text }
