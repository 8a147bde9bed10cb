package statement

// prepare reads PREPARE, from that word on, to the statement's end.
func (s *scanner) prepare() {
	s.next()
	if s.is("transaction") {
		if l := s.following(); !l.is("as") && !l.isSign('(') { // or it is a name
			s.TransactionControl = true
			s.Effects |= Commits
			return
		}
	}
	before := s.Changes
	s.Changes = 0
	s.rest()
	if s.Changes&^LocalSetting != 0 {
		s.Changes |= Other // it changes that each time it is executed
	}
	s.Changes |= before | Prepared
}

// deallocate reads DEALLOCATE, from that word on.
func (s *scanner) deallocate() {
	s.Ends |= Prepared
	s.next()
	if s.is("prepare") {
		if l := s.following(); l.kind > semicolon { // or it is a name
			s.next()
		}
	}
	if s.is("all") {
		s.DeallocateAll = true
		return
	}
	s.prepared()
}

// prepared notes the name of a prepared statement at the current token.
func (s *scanner) prepared() {
	from := s.from
	if name, ok := s.identifier(); ok {
		s.Names = append(s.Names, Name{Offset: from, Length: s.at - from, Name: name})
	}
}

// declare reads DECLARE, from that word on, up to the query.
func (s *scanner) declare() {
	for s.next(); s.kind > semicolon && !s.is("for"); s.next() {
		if s.is("with") {
			if l := s.following(); l.is("hold") {
				s.Changes |= HoldCursor
			}
		}
	}
}
