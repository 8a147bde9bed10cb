package relay

import (
	"encoding/binary"
	"unique"

	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// The client's prepared statements live on whichever server connection it has.
// Each name is the client's own; on a server, statements have numbers, and one
// that is missing is prepared before the message that needs it. All of that
// travels with the client's messages, and the server's answers say what has
// become of it: every message that is sent has one answer, or is skipped with its
// batch.
//
// A Parse of the client's is always executed, even where the server has the same
// statement, so that it fails as it would and sees what DDL has changed.

// maxRemembered is how long a Parse message may be for its statement to follow
// the client, in bytes, and maxStatements how much a client's may have in all. A
// statement beyond that pins.
const (
	maxRemembered = 1 << 20
	maxStatements = 16 << 20
)

// statementSize is what a statement costs besides its text, in bytes, about.
const statementSize = 512

// prepared is a prepared statement as the client knows it.
type prepared struct {
	text    unique.Handle[string] // the body of its Parse behind the name
	size    int
	summary *statement.Summary // nil if running it changes nothing of interest
	// held is where the statement lives as long as it cannot be anywhere else;
	// pinned, if it never will.
	held   *entry
	pinned bool
}

// planParse decides about a Parse.
func (s *Session) planParse(header wire.Header, body []byte) (Step, verdict, error) {
	name := untilZero(body)
	rest := header.Length - wire.HeaderSize - len(name) - 1
	switch {
	case len(name) == len(body) && rest > 0:
		return Step{}, planned, errLongName
	case rest < 3: // not even an empty query and no types: the server will say so
		return Step{}, forwarded, nil
	case len(name) == 0:
		if step, ok := s.planDeallocate(header, body); ok {
			return step, planned, nil
		}
		s.parseUnnamed(header, body)
		return Step{}, counted, nil
	}
	known, ok := s.statement(name)
	if !ok {
		return Step{Pause: Wait}, planned, nil
	}
	if known != nil {
		// 42P05, which the server says best, behind whatever is wrong with the text:
		// of a name that it has for sure, since it is given to an empty query.
		s.begin()
		e := s.pooling.backend.add(s.pooling.batch)
		s.injectParse(e, nil, []byte{0, 0, 0})
		s.pooling.backend.garbage = append(s.pooling.backend.garbage, e.number)
		s.sentOperation(operation{kind: refusedOperation, name: statementName(name), entry: e})
		return s.renameParse(header, name, e), planned, nil
	}
	p := s.pooling
	s.begin()
	s.makeRoom()
	made := &prepared{size: rest + statementSize, held: p.backend.add(p.batch)}
	if summary := statement.Scan(body[len(name)+1:]); !summary.Ordinary() {
		made.summary = &summary
	}
	s.sentOperation(operation{kind: parseOperation, name: statementName(name), statement: made, entry: made.held})
	if rest <= maxRemembered && p.size+rest <= maxStatements && p.config.room(rest) && p.config.MaxStatements > 0 {
		p.backend.capture = capture{on: true, of: s.pending.sent}
	} else {
		made.pinned, made.size = true, statementSize
	}
	return s.renameParse(header, name, made.held), planned, nil
}

// renameParse sends the head of a Parse under a name of ours; the rest follows
// from the client.
func (s *Session) renameParse(header wire.Header, name []byte, e *entry) Step {
	head := wire.HeaderSize + len(name) + 1
	send := s.pooling.backend.send
	from := len(send)
	send = append(send, wire.MsgParse, 0, 0, 0, 0)
	send = append(appendName(send, e.number), 0)
	return s.sendHead(send, from, header.Length-head, head)
}

// planUse decides about a message that uses a prepared statement, whose name
// stands at that place of body.
func (s *Session) planUse(header wire.Header, body []byte, at int) (Step, verdict, error) {
	if at > len(body) {
		return Step{}, forwarded, nil
	}
	name := untilZero(body[at:])
	if at+len(name) == len(body) {
		if len(body) < peekLimit {
			return Step{}, forwarded, nil // it has no end: the server will say so
		}
		return Step{}, planned, errLongName
	}
	if len(name) == 0 {
		return s.useUnnamed(header)
	}
	known, ok := s.statement(name)
	if !ok {
		return Step{Pause: Wait}, planned, nil
	}
	switch {
	case header.Type == wire.MsgClose && known != nil:
		// What the server has under a number stays, for whoever has the same.
		s.begin()
		s.sentOperation(operation{kind: closeOperation, name: statementName(name)})
		return s.rename(header, body, at, name, 0), planned, nil
	case known == nil && ours(name):
		s.begin()
		s.sentOperation(operation{kind: refusedOperation, name: string(name)})
		return s.rename(header, body, at, name, 0), planned, nil
	case known == nil:
		return Step{}, forwarded, nil // perhaps made by PREPARE; else the server says that it is not there
	}
	e, step, ok := s.present(known)
	if !ok {
		return step, planned, nil
	}
	if header.Type == wire.MsgBind && known.summary != nil {
		if s.mustVacate(known.summary) {
			return Step{Pause: Vacate}, planned, nil
		}
		s.apply(known.summary)
	}
	s.begin()
	s.count(header.Type)
	return s.rename(header, body, at, name, e.number), planned, nil
}

// rename sends the head of a message with the name of another statement in it.
func (s *Session) rename(header wire.Header, body []byte, at int, name []byte, number uint64) Step {
	send := s.pooling.backend.send
	from := len(send)
	send = append(send, header.Type, 0, 0, 0, 0)
	send = append(send, body[:at]...)
	send = append(appendName(send, number), 0)
	head := wire.HeaderSize + at + len(name) + 1
	return s.sendHead(send, from, header.Length-head, head)
}

// sendHead is the Step in which the head of a message, which begins at send[from],
// stands for that of the client's message, of which more bytes follow.
func (s *Session) sendHead(send []byte, from, more, head int) Step {
	setLength(send[from:], more)
	s.pooling.backend.send = send
	s.client = stream{left: more}
	return Step{Drop: head, Send: send}
}

// setLength puts the length into the head of a message of which more bytes follow.
func setLength(message []byte, more int) {
	binary.BigEndian.PutUint32(message[1:], uint32(len(message)-1+more))
}

// statement returns the client's statement of that name as it will be when the
// server comes to it, nil if there will be none. It answers false if that
// depends on what the server has still to say.
func (s *Session) statement(name []byte) (*prepared, bool) {
	name = name[:min(len(name), maxName)]
	p := s.pooling
	o := p.backend.operations.latest(name)
	if d := p.deallocating(name); d != nil && (o == nil || o.number < d.number) {
		return nil, d.batch == p.batch || !s.Owed()
	}
	if o != nil && (!p.backend.clearing || o.number > p.backend.clearedAt) {
		return o.statement, o.batch == p.batch
	}
	if p.backend.clearing && s.Owed() {
		return nil, false
	}
	if p.backend.clearing && p.backend.clearedIn == p.batch {
		return nil, true
	}
	return s.names[string(name)], true
}

// present returns where the server has the statement, or else the step to take
// before the client's message is looked at again.
func (s *Session) present(known *prepared) (*entry, Step, bool) {
	p := s.pooling
	if e := known.held; e != nil {
		if !e.confirmed && e.batch != p.batch && s.Owed() {
			return nil, Step{Pause: Wait}, false
		}
		return e, Step{}, true
	}
	key := statementKey{known.text, p.settings}
	if e := p.backend.find(key); e != nil {
		if !e.confirmed && e.batch != p.batch {
			return nil, Step{Pause: Wait}, false
		}
		return e, Step{}, true
	}
	s.begin()
	s.makeRoom()
	e := p.backend.add(p.batch)
	if s.tainted() {
		known.held = e
		p.backend.loose = append(p.backend.loose, known)
	} else {
		p.backend.file(e, key)
	}
	s.injectParse(e, known, []byte(known.text.Value()))
	return nil, Step{Send: p.backend.send}, false
}

// tainted reports whether what is prepared now depends on settings that the
// transaction has changed, and so is of no use to others.
func (s *Session) tainted() bool {
	return s.pooling.backend.tainted || s.pooling.backend.changes.settings()
}

// loosen gives up the statements that depend on settings of the transaction that
// is over.
func (s *Session) loosen() {
	p := s.pooling
	p.backend.tainted = false
	for i, known := range p.backend.loose {
		p.backend.garbage = append(p.backend.garbage, known.held.number)
		known.held, p.backend.loose[i] = nil, nil
	}
	p.backend.loose = p.backend.loose[:0]
}

// begin starts Step.Send with closing what is of no use on the server.
func (s *Session) begin() {
	backend := s.pooling.backend
	backend.send = backend.send[:0]
	if cap(backend.send) > maxSend {
		backend.send = nil // that was for something large, once
	}
	for _, number := range backend.garbage {
		s.injectClose(&entry{number: number})
	}
	backend.garbage = backend.garbage[:0]
}

// maxSend is how much room is kept for the next Step.Send, in bytes.
const maxSend = 64 << 10

// makeRoom closes the statements that were not used for longest.
func (s *Session) makeRoom() {
	backend := s.pooling.backend
	for backend.oldest != nil && len(backend.index) >= max(1, s.pooling.config.MaxStatements) {
		e := backend.oldest
		backend.drop(e)
		s.injectClose(e)
	}
}

// injectClose sends a Close that the client does not know of; of the unnamed
// statement if e is nil.
func (s *Session) injectClose(e *entry) {
	s.inject(wire.MsgClose, []byte{'S'}, e, nil)
	s.sentOperation(operation{kind: injectedClose, entry: e})
}

// injectParse sends a Parse that the client does not know of; of the unnamed
// statement if e is nil.
func (s *Session) injectParse(e *entry, known *prepared, text []byte) {
	s.inject(wire.MsgParse, nil, e, text)
	s.sentOperation(operation{kind: injectedParse, statement: known, entry: e, owner: s.unnamed.owner})
}

func (s *Session) inject(kind byte, before []byte, e *entry, after []byte) {
	send := s.pooling.backend.send
	from := len(send)
	send = append(append(send, kind, 0, 0, 0, 0), before...)
	if e != nil {
		send = appendName(send, e.number)
	}
	send = append(append(send, 0), after...)
	setLength(send[from:], 0)
	s.pooling.backend.send = send
}
