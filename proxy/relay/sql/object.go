package sql

// deallocate reads DEALLOCATE from behind that word.
func (s *Summary) deallocate(l *lexer) {
	s.Ends |= Prepared
	if l.is("prepare") {
		ahead := *l
		if ahead.next(); ahead.kind == word || ahead.kind == quotedName {
			*l = ahead
		}
	}
	if l.is("all") {
		s.DeallocateAll = true
		return
	}
	s.prepared(l)
}

// prepared notes the name of a prepared statement at the current token.
func (s *Summary) prepared(l *lexer) {
	if name := l.identifier(); name != "" {
		s.Names = append(s.Names, Name{Offset: l.from, Length: l.at - l.from, Name: name})
	}
}

// define reads CREATE, ALTER or DROP from behind that word.
func (s *Summary) define(l *lexer, verb string) {
	switch verb {
	case "create":
		s.Changes |= Temporary
	case "drop":
		s.Ends |= Temporary
	}
	switch {
	case l.is("role"), l.is("user"), l.is("group"):
		s.Effects |= Roles | Logins
	case l.is("system"):
		s.Effects |= Logins
	case l.is("database"):
		s.Effects |= Logins
		l.next()
		s.database(l, verb)
	}
}

// database reads a statement about a database from behind that word.
func (s *Summary) database(l *lexer, verb string) {
	if verb == "drop" && l.is("if") {
		l.next() // EXISTS
		l.next()
	}
	name := l.identifier()
	switch verb {
	case "drop":
		s.useDatabase(name)
	case "alter":
		l.next()
		moves := l.is("rename")
		if l.is("set") {
			l.next()
			moves = l.is("tablespace")
		}
		if moves {
			s.useDatabase(name)
		}
	case "create":
		for l.kind != semicolon && l.kind != end {
			if !l.is("template") {
				l.next()
				continue
			}
			if l.next(); l.isSign('=') {
				l.next()
			}
			s.useDatabase(l.identifier())
		}
	}
}

func (s *Summary) useDatabase(name string) {
	if name != "" {
		s.Databases = append(s.Databases, name)
	}
}
