package router

import "strings"

// SplitOptions splits the startup parameter "options" into words by the rules
// of PostgreSQL's pg_split_opts: white space separates, a backslash takes the
// next byte as it is, quotes mean nothing.
func SplitOptions(s string) []string {
	var words []string
	for {
		s = strings.TrimLeft(s, optionSpace)
		if s == "" {
			return words
		}
		var word strings.Builder
		i := 0
		for ; i < len(s) && strings.IndexByte(optionSpace, s[i]) < 0; i++ {
			if s[i] == '\\' {
				i++
			}
			if i < len(s) {
				word.WriteByte(s[i])
			}
		}
		words = append(words, word.String())
		s = s[min(i, len(s)):]
	}
}

// JoinOptions writes words so that SplitOptions returns them again. An empty
// word can stand at the end only and is left out elsewhere: PostgreSQL has no
// way to write it.
func JoinOptions(words []string) string {
	var b strings.Builder
	for i, word := range words {
		if word == "" && i < len(words)-1 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if word == "" {
			b.WriteByte('\\')
		}
		for _, c := range []byte(word) {
			if c == '\\' || strings.IndexByte(optionSpace, c) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// optionSpace is C's isspace.
const optionSpace = " \t\n\v\f\r"

// option is one switch of an options string.
type option struct {
	// words are the switch as it was written.
	words []string
	// name and value are set for -c name=value, -cname=value, --name=value and a
	// bare name=value: the name in lower case, with '_' for '-', as PostgreSQL's
	// ParseLongOption reads it.
	name, value string
}

// parseOptions reads words as PostgreSQL's process_postgres_switches does: it
// knows which switches take an argument, so that an argument is never taken for
// a setting. What it cannot read is an option without a name.
func parseOptions(words []string) []option {
	var options []option
	for len(words) > 0 {
		word, taken := words[0], 1
		setting := word
		switch {
		case word == "-c" && len(words) > 1:
			setting, taken = words[1], 2
		case strings.HasPrefix(word, "--"):
			setting = word[2:]
		case strings.HasPrefix(word, "-c"):
			setting = word[2:]
		case strings.HasPrefix(word, "-"):
			setting = ""
			if takesNextWord(word[1:]) && len(words) > 1 {
				taken = 2
			}
		}
		o := option{words: words[:taken]}
		if name, value, found := strings.Cut(setting, "="); found {
			o.name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
			o.value = value
		}
		options = append(options, o)
		words = words[taken:]
	}
	return options
}

// takesNextWord reports whether the switches in letters, written together
// behind one '-', end in one whose argument is the next word.
func takesNextWord(letters string) bool {
	i := strings.IndexAny(letters, "BCDNSWcdfhkprtv") // PostgreSQL's letters with an argument
	return i >= 0 && i == len(letters)-1
}
