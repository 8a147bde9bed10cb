package relay

import (
	"strconv"
	"unique"
)

// Server is what is known of a server connection while it is lent to one client
// after the other: which prepared statements it has, and which settings are in
// effect. It is made when the connection is, lives as long, and is used by the
// Session that has the connection alone. The zero value is a fresh connection.
type Server struct {
	// Own are the settings that the connection was started with and that not all
	// clients have who use it; Settings are those in effect now, besides what all
	// have. Whoever lends the connection makes them the client's.
	Own, Settings Settings

	index map[statementKey]*entry // what Bind may use
	// The entries of index from the one used last to the one used least.
	recent, oldest *entry
	numbered       uint64   // the number given last; none is used twice
	garbage        []uint64 // entries to be closed when something is sent next

	// unnamed says whose unnamed statement the server has; 0 for nobody's.
	unnamed uint64
	// operations are those under way of the client that has the connection.
	operations operations
	lending
	// send is the room for Step.Send, and parse for the texts of unnamed
	// statements that the server has not confirmed.
	send, parse []byte
}

// statementKey says which server statements are the same: those of one text and
// parameter types, analysed under one set of settings (search_path decides what a
// name means, TimeZone what a literal does).
type statementKey struct {
	text     unique.Handle[string] // the body of the Parse behind the name
	settings Settings
}

// entry is a prepared statement on a server connection.
type entry struct {
	key         statementKey
	number      uint64
	indexed     bool
	confirmed   bool   // the server has it
	batch       uint64 // of the session: when it was sent, until it is confirmed
	newer, less *entry // neighbours in the order of use
}

// namePrefix begins the names of our statements on a server; a client never sees
// one, but in pg_prepared_statements. absentName is never given to any.
const (
	namePrefix = "postern_"
	absentName = namePrefix + "0"
)

func appendName(b []byte, number uint64) []byte {
	return strconv.AppendUint(append(b, namePrefix...), number, 10)
}

// add makes an entry that is not indexed yet.
func (s *Server) add(batch uint64) *entry {
	s.numbered++
	return &entry{number: s.numbered, batch: batch}
}

// file indexes e under key; one that was there before is to be closed.
func (s *Server) file(e *entry, key statementKey) {
	if old := s.index[key]; old != nil {
		s.discard(old)
	}
	if s.index == nil {
		s.index = make(map[statementKey]*entry)
	}
	e.key, e.indexed = key, true
	s.index[key] = e
	s.toFront(e)
}

// find returns the entry for key, and marks it as just used.
func (s *Server) find(key statementKey) *entry {
	e := s.index[key]
	if e != nil && s.recent != e {
		s.unlink(e)
		s.toFront(e)
	}
	return e
}

// drop takes e out of the index: the server does not have it.
func (s *Server) drop(e *entry) {
	if e.indexed {
		e.indexed = false
		delete(s.index, e.key)
		s.unlink(e)
	}
}

// discard takes e out of the index and has it closed.
func (s *Server) discard(e *entry) {
	s.drop(e)
	s.garbage = append(s.garbage, e.number)
}

// discardAll is discard for every entry.
func (s *Server) discardAll() {
	for s.recent != nil {
		s.discard(s.recent)
	}
}

// roomToParse makes room for the text of an unnamed statement of that size, by
// giving up those that are over, and returns where it begins.
func (s *Server) roomToParse(size int) int {
	if s.operations.len() == 0 {
		s.parse = s.parse[:0]
		if cap(s.parse) > maxSend {
			s.parse = nil
		}
	}
	if len(s.parse)+size > cap(s.parse) {
		s.dropParsed()
	}
	return len(s.parse)
}

// dropParsed moves the texts of the statements that are under way to the front.
func (s *Server) dropParsed() {
	over := len(s.parse)
	for i := range s.operations.len() {
		if o := s.operations.at(i); o.kind == unnamedParse {
			over = min(over, o.from)
			o.from, o.to = o.from-over, o.to-over
		}
	}
	s.parse = s.parse[:copy(s.parse, s.parse[over:])]
}

// Reset notes that the server connection is as it was at the start, by DISCARD
// ALL.
func (s *Server) Reset() {
	s.forgetStatements()
	s.unnamed = 0
	s.Settings = s.Own
}

// Queried notes that a simple query of ours was run on the connection.
func (s *Server) Queried() { s.unnamed = 0 }

// forgetStatements notes that the server has no prepared statement any more.
func (s *Server) forgetStatements() {
	for _, e := range s.index {
		e.indexed = false
	}
	clear(s.index)
	s.recent, s.oldest, s.garbage = nil, nil, nil
}

func (s *Server) toFront(e *entry) {
	e.newer, e.less = nil, s.recent
	if s.recent != nil {
		s.recent.newer = e
	} else {
		s.oldest = e
	}
	s.recent = e
}

func (s *Server) unlink(e *entry) {
	if e.newer != nil {
		e.newer.less = e.less
	} else {
		s.recent = e.less
	}
	if e.less != nil {
		e.less.newer = e.newer
	} else {
		s.oldest = e.newer
	}
	e.newer, e.less = nil, nil
}
