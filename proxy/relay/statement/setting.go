package statement

// set reads SET, from that word on.
func (s *scanner) set() {
	s.next()
	if s.is("local") && !s.named() {
		s.Changes |= LocalSetting
		return
	}
	if s.is("session") && !s.named() {
		s.next()
		if s.is("session") && !s.named() { // SET SESSION SESSION AUTHORIZATION …
			s.next()
		}
		switch {
		case s.is("authorization"):
			s.Changes |= Role
			return
		case s.is("characteristics") && !s.named():
			s.setting("default_transaction_isolation")
			s.setting("default_transaction_read_only")
			s.setting("default_transaction_deferrable")
			return
		}
	}
	if s.kind == word && !s.named() {
		switch {
		case s.is("transaction"), s.is("constraints"):
			return // end with the transaction
		case s.is("role"):
			s.Changes |= Role
			return
		case s.is("time"):
			s.setting("timezone")
			s.next() // to ZONE
			s.value()
			return
		case s.is("names"):
			s.setting("client_encoding")
			s.value()
			return
		case s.is("schema"):
			s.setting("search_path")
			return
		case s.is("xml"):
			s.setting("xmloption")
			return
		}
	}
	s.variable()
	if s.isSign('=') || s.is("to") {
		s.value()
	}
}

// value reads on to the first word of a setting's value. DEFAULT and what means
// the same resets the setting.
func (s *scanner) value() {
	s.next()
	if s.is("default") || s.is("local") || s.kind <= semicolon {
		s.Changes |= Reset
	}
}

// named reports whether the current word is the name of a setting, or the first
// part of one: what follows can stand behind nothing else.
func (s *scanner) named() bool {
	l := s.following()
	return l.isSign('.') || l.isSign('=') || l.is("to") || l.is("from")
}

// variable reads the name of a setting and moves behind it.
func (s *scanner) variable() {
	name, ok := s.lowerName()
	for s.next(); ok && s.isSign('.'); s.next() {
		var part string
		s.next()
		part, ok = s.lowerName()
		name += "." + part
	}
	if !ok {
		s.Changes |= UnknownSetting
		return
	}
	s.setting(name)
}

// lowerName returns a part of a setting's name, false if there is none or one
// that PostgreSQL would cut.
func (s *scanner) lowerName() (string, bool) {
	name, ok := s.identifier()
	return string(lower([]byte(name))), ok && len(name) < longestName
}

// reset reads RESET, from that word on.
func (s *scanner) reset() {
	s.next()
	l := s.following()
	switch {
	case s.is("all"):
		s.Changes |= AllSettings
		return
	case s.is("role"):
		if l.kind <= semicolon {
			s.Ends |= Role
			return
		}
	case s.is("session") && l.is("authorization"), s.is("session_authorization"):
		s.Changes |= Role
		return
	case s.is("transaction") && l.is("isolation"):
		return
	case s.is("time") && l.is("zone"):
		s.setting("timezone")
		s.Changes |= Reset
		return
	}
	s.variable()
	s.Changes |= Reset
}

// discard reads DISCARD, from that word on.
func (s *scanner) discard() {
	s.next()
	switch {
	case s.is("all"):
		s.Changes |= AllSettings
		s.Ends |= ended
		s.DiscardAll = true
	case s.is("temp"), s.is("temporary"):
		s.Ends |= Temporary
	}
}
