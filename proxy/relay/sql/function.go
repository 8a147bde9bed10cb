package sql

import "bytes"

// function notes what the name at the current token does if it is that of a
// function, wherever it stands.
func (s *Summary) function(l *lexer) {
	name := l.token()
	if l.kind == quotedName {
		name = unquote(name)
	}
	if len(name) < len("pg_temp") {
		return
	}
	switch name[0] | 0x20 {
	case 'p':
		if name[2] == '_' {
			s.system(name)
		}
	case 's':
		if equalFold(name, "set_config") {
			s.setConfig(*l)
		}
	case 'd':
		if equalFold(name, "dblink_connect") || equalFold(name, "dblink_connect_u") {
			s.Changes |= Other
		}
	}
}

// system is function for a name that may begin with pg_.
func (s *Summary) system(name []byte) {
	switch {
	case hasPrefix(name, "pg_advisory_unlock"):
		s.Changes |= AdvisoryLock
	case equalFold(name, "pg_advisory_lock"), equalFold(name, "pg_advisory_lock_shared"),
		equalFold(name, "pg_try_advisory_lock"), equalFold(name, "pg_try_advisory_lock_shared"):
		s.Changes |= AdvisoryLock
	case equalFold(name, "pg_temp"):
		s.Changes |= Temporary
	case equalFold(name, "pg_replication_origin_session_setup"), hasPrefix(name, "pg_create_logical_replication_slot"),
		hasPrefix(name, "pg_create_physical_replication_slot"), hasPrefix(name, "pg_copy_logical_replication_slot"),
		equalFold(name, "pg_backup_start"), equalFold(name, "pg_start_backup"):
		s.Changes |= Other
	}
}

// setConfig reads the arguments of set_config behind its name.
func (s *Summary) setConfig(l lexer) {
	if l.next(); !l.isSign('(') {
		return
	}
	l.next()
	name, known := l.constant()
	if known {
		l.next()
		known = l.isSign(',')
	}
	if s.local(&l) {
		s.Changes |= LocalSetting
		return
	}
	if known {
		s.setting(string(lower([]byte(name))))
	} else {
		s.Changes |= UnknownSetting
	}
}

// local reports whether the third argument of set_config is the constant true.
// The lexer stands in the first or behind it.
func (s *Summary) local(l *lexer) bool {
	commas := 0
	for depth := 1; depth > 0 && l.kind != end && l.kind != semicolon; l.next() {
		switch {
		case l.isSign('('), l.isSign('['):
			depth++
		case l.isSign(')'), l.isSign(']'):
			depth--
		case depth == 1 && l.isSign(','):
			commas++
		case commas == 2 && l.is("true"):
			l.next()
			return l.isSign(')')
		case commas == 2:
			return false
		}
	}
	return false
}

// constant returns what the current token is a constant string of.
func (l *lexer) constant() (string, bool) {
	if l.kind != constant {
		return "", false
	}
	token := l.token()
	if token[0] != '\'' || l.reading.backslashes && bytes.IndexByte(token, '\\') >= 0 || l.unclosed {
		return "", false
	}
	return string(bytes.ReplaceAll(unquote(token), []byte("''"), []byte("'"))), true
}

// lowerName returns a name in lower case.
func (l *lexer) lowerName() (string, bool) {
	switch l.kind {
	case word:
		return string(lower(l.token())), true
	case quotedName:
		return string(lower(unquote(l.token()))), true
	}
	return "", false
}

// identifier returns a name as PostgreSQL knows it, "" if there is none.
func (l *lexer) identifier() string {
	switch l.kind {
	case word:
		return string(lower(l.token()))
	case quotedName:
		return string(bytes.ReplaceAll(unquote(l.token()), []byte(`""`), []byte(`"`)))
	}
	return ""
}

// unquote takes the first and the last byte off.
func unquote(token []byte) []byte {
	if len(token) < 2 {
		return nil
	}
	return token[1 : len(token)-1]
}

// lower returns a copy in lower case, by ASCII alone.
func lower(name []byte) []byte {
	lowered := bytes.Clone(name)
	for i, c := range lowered {
		if c >= 'A' && c <= 'Z' {
			lowered[i] = c | 0x20
		}
	}
	return lowered
}

// equalFold compares with a text in lower case.
func equalFold(name []byte, text string) bool {
	return len(name) == len(text) && hasPrefix(name, text)
}

// hasPrefix compares the beginning with a text in lower case.
func hasPrefix(name []byte, text string) bool {
	if len(name) < len(text) {
		return false
	}
	for i := range len(text) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != text[i] {
			return false
		}
	}
	return true
}
