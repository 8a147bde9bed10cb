package sql

// set reads SET from behind that word.
func (s *Summary) set(l *lexer) {
	switch {
	case l.is("local") && !l.named():
		s.Changes |= LocalSetting
		return
	case l.is("session") && !l.named():
		l.next()
	}
	if l.kind == word && !l.named() {
		switch {
		case l.is("characteristics"), l.is("session"):
			s.setting("default_transaction_isolation")
			s.setting("default_transaction_read_only")
			s.setting("default_transaction_deferrable")
			return
		case l.is("authorization"), l.is("role"):
			s.Changes |= Role
			return
		case l.is("time"):
			s.setting("timezone")
			return
		case l.is("names"):
			s.setting("client_encoding")
			return
		case l.is("schema"):
			s.setting("search_path")
			return
		case l.is("xml"):
			s.setting("xmloption")
			return
		case l.is("transaction"), l.is("constraints"):
			return // end with the transaction
		}
	}
	s.variable(l)
	if l.isSign('=') || l.is("to") {
		if l.next(); l.is("default") {
			s.Changes |= Reset
		}
	}
}

// named reports whether the current word is a setting's name, or the first part
// of one, since what follows can stand behind nothing else.
func (l *lexer) named() bool {
	ahead := *l
	ahead.next()
	return ahead.isSign('.') || ahead.isSign('=') || ahead.is("to") || ahead.is("from")
}

// variable reads the name of a setting and moves behind it.
func (s *Summary) variable(l *lexer) {
	name, ok := l.lowerName()
	for l.next(); ok && l.isSign('.'); l.next() {
		l.next()
		var part string
		part, ok = l.lowerName()
		name += "." + part
	}
	if !ok {
		s.Changes |= UnknownSetting
		return
	}
	s.setting(name)
}

// reset reads RESET from behind that word.
func (s *Summary) reset(l *lexer) {
	switch {
	case l.is("all"):
		s.Changes |= AllSettings
		return
	case l.is("role"), l.is("session"):
		s.Changes |= Role
		return
	case l.is("transaction"):
		return
	case l.is("time"):
		s.setting("timezone")
	default:
		s.variable(l)
	}
	s.Changes |= Reset
}

// discard reads DISCARD from behind that word.
func (s *Summary) discard(l *lexer) {
	switch {
	case l.is("all"):
		s.Changes |= AllSettings
		s.Ends |= ended
		s.DiscardAll = true
	case l.is("temp"), l.is("temporary"):
		s.Ends |= Temporary
	}
}
