package relay

import (
	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// maxIdle is how much room is kept for the next text whatever its length, in bytes.
const maxIdle = 4 << 10

// unnamed is the unnamed statement of a client.
type unnamed struct {
	known   bool
	large   bool   // it is not remembered
	text    []byte // as prepared.text
	owner   uint64 // how Server.unnamed knows the statement, no other has the same
	summary *statement.Summary

	coming  int                // Parses that are not confirmed
	comesIn uint64             // the batch of the last of them
	becomes *statement.Summary // by it

	// deallocates is what the statement, or what is coming, drops when it is run.
	deallocates *deallocation
}

// foreign is in Server.unnamed when nobody knows whose it is.
const foreign = ^uint64(0)

// parseUnnamed notes that the unnamed statement is another from now on.
func (s *Session) parseUnnamed(header wire.Header, body []byte) {
	if !s.parsingUnnamed(statement.Scan(body[1:]), header.Length) {
		s.pooling.backend.capture = capture{on: true, of: s.pending.sent, skip: wire.HeaderSize + 1, text: s.pooling.backend.parse}
	}
}

// parsingUnnamed notes a Parse of the unnamed statement, of that size, whose text is
// still to be written down, unless it is too large for that.
func (s *Session) parsingUnnamed(summary statement.Summary, size int) (large bool) {
	p, u := s.pooling, &s.unnamed
	large = size > maxRemembered || !p.config.room(size)
	u.owner++
	u.coming++
	u.comesIn, u.becomes, u.deallocates = p.batch, nil, nil
	if !summary.Ordinary() {
		kept := summary // so that only this one is allocated
		u.becomes = &kept
	}
	p.backend.unnamed = u.owner
	from := p.backend.roomToParse(size)
	s.sentOperation(operation{kind: unnamedParse, summary: u.becomes, owner: u.owner, large: large, from: from, to: from})
	return large
}

// parsedUnnamed notes that the server has taken an unnamed statement.
func (s *Session) parsedUnnamed(o *operation) {
	u := &s.unnamed
	u.coming--
	u.known, u.large, u.summary = true, o.large, o.summary
	text := s.pooling.backend.parse[o.from:o.to]
	before := cap(u.text)
	if before > maxIdle && before > 4*len(text) {
		u.text = nil // a client who waits should not hold much more than it needs
	}
	u.text = append(u.text[:0], text...)
	s.pooling.keep(cap(u.text) - before)
}

// useUnnamed sees to it that the server has the client's unnamed statement, or
// none if the client has none.
func (s *Session) useUnnamed(header wire.Header) (Step, verdict, error) {
	u, backend := &s.unnamed, s.pooling.backend
	if p := s.pooling; s.Owed() && (p.backend.mending > 0 && p.backend.mendedIn != p.batch || u.coming > 0 && u.comesIn != p.batch) {
		return Step{Pause: Wait}, planned, nil
	}
	mine := backend.unnamed == u.owner
	known := u.known
	if p := s.pooling; p.backend.dropping && !mine {
		if p.backend.droppedIn != p.batch && s.Owed() {
			return Step{Pause: Wait}, planned, nil
		}
		known = known && p.backend.droppedIn != p.batch
	}
	switch {
	case header.Type == wire.MsgClose:
		s.pooling.backend.dropping, s.pooling.backend.droppedIn = true, s.pooling.batch
		s.sentOperation(operation{kind: closeOperation})
		return Step{}, counted, nil
	case mine || !known && backend.unnamed == 0:
		summary := u.summary
		if u.coming > 0 {
			summary = u.becomes
		}
		if header.Type == wire.MsgBind && summary != nil && (u.coming > 0 || u.known) {
			if s.mustVacate(summary) {
				return Step{Pause: Vacate}, planned, nil
			}
			s.apply(summary)
			s.bindDeallocation()
		}
	case known:
		s.begin()
		s.mend(u.owner)
		s.injectParse(nil, nil, u.text)
		return Step{Send: backend.send}, planned, nil
	default:
		s.begin()
		s.mend(0)
		s.injectClose(nil)
		return Step{Send: backend.send}, planned, nil
	}
	return Step{}, forwarded, nil
}

// mend notes that the server's unnamed statement is about to be made another.
func (s *Session) mend(owner uint64) {
	p := s.pooling
	p.backend.unnamed = owner
	p.backend.mending++
	p.backend.mendedIn = p.batch
}

// dropUnnamed notes a Query, at which the server drops the unnamed statement,
// unless it skips the Query: see queryRan.
func (s *Session) dropUnnamed() {
	s.pooling.backend.dropping, s.pooling.backend.droppedIn = true, s.pooling.batch
	if backend := s.pooling.backend; backend.unnamed != 0 && backend.unnamed != s.unnamed.owner {
		backend.unnamed = foreign
	}
}

// queryRan notes that the server has come to a Query.
func (s *Session) queryRan() {
	if s.pooling != nil {
		s.unnamed.drop()
	}
}

// drop notes that there is no unnamed statement any more.
func (u *unnamed) drop() {
	u.known = false
	if u.coming == 0 {
		u.owner++ // a server that had it may still have it
	}
}
