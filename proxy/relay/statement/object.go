package statement

// create reads CREATE, from that word on.
func (s *scanner) create() {
	s.next()
	switch {
	case s.global():
		return
	case s.is("database"):
		s.Effects |= Logins
		s.createDatabase()
		return
	case s.is("tablespace"):
		return
	}
	s.Changes |= Temporary
	for s.is("or") || s.is("replace") || s.is("global") || s.is("local") || s.is("temp") || s.is("temporary") || s.is("unlogged") {
		s.next()
	}
	if s.is("table") {
		s.createTable()
	}
}

// global notes what CREATE, ALTER and DROP do to objects outside a database, and
// reports whether it was one that cannot have to do with temporary ones.
func (s *scanner) global() bool {
	switch {
	case s.is("role"), s.is("user"), s.is("group"):
		s.Effects |= Roles | Logins
	case s.is("system"):
		s.Effects |= Logins
	case s.is("event"): // a trigger, perhaps on login
		s.Effects |= Logins
	default:
		return false
	}
	return true
}

// createTable reads CREATE TABLE up to an EXECUTE where that is what the table is
// made from.
func (s *scanner) createTable() {
	for s.kind > semicolon {
		switch {
		case s.isSign('('):
			s.brackets()
			continue
		case s.is("as"):
			if s.next(); s.is("execute") {
				s.next()
				s.prepared()
			}
			return
		}
		s.next()
	}
}

// createDatabase reads CREATE DATABASE, from the second word on, to the
// statement's end. Whether TEMPLATE is the option or another one's value makes no
// difference here.
func (s *scanner) createDatabase() {
	named := false
	for s.next(); s.kind > semicolon; {
		if !s.is("template") {
			s.next()
			continue
		}
		if s.next(); s.isSign('=') {
			s.next()
		}
		if s.is("default") {
			continue
		}
		if name, ok := s.identifier(); ok {
			s.Databases = append(s.Databases, name)
			named = true
		} else if name, ok := s.literal(); ok {
			s.Databases = append(s.Databases, name)
			named = true
		}
	}
	if !named {
		s.Databases = append(s.Databases, "template1")
	}
}

// alter reads ALTER, from that word on.
func (s *scanner) alter() {
	s.next()
	if s.global() || !s.is("database") {
		return
	}
	s.Effects |= Logins
	s.next()
	name, ok := s.identifier()
	s.next()
	l := s.following()
	if ok && (s.is("rename") || s.is("set") && l.is("tablespace")) {
		s.Databases = append(s.Databases, name)
	}
}

// drop reads DROP, from that word on.
func (s *scanner) drop() {
	s.next()
	switch {
	case s.global():
	case s.is("database"):
		s.Effects |= Logins
		s.next()
		if l := s.following(); s.is("if") && l.is("exists") {
			s.next()
			s.next()
		}
		if name, ok := s.identifier(); ok {
			s.Databases = append(s.Databases, name)
		}
	default:
		s.Ends |= Temporary
		if s.is("owned") { // with the privileges
			s.Effects |= Logins
		}
	}
}
