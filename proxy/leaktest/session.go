package leaktest

import "maps"

// session is the model of one session: what PostgreSQL holds for it. It runs
// ahead of the answers, since it changes when a statement is planned.
type session struct {
	state
	id       string            // part of all that this session makes, so that it is known again
	defaults map[string]string // settings as they are after RESET ALL
	had      map[string]map[string]bool

	prepared    map[string]prepared // by Parse; "" is the unnamed one
	sqlPrepared map[string]string   // by PREPARE: the word that EXECUTE answers
	locks       map[int64]int       // session-level advisory locks, how often
	nonconstant bool                // set_config with a parameter

	spoilt map[string]bool // columns of a look about which a violation was reported

	// levels are what the state was: before the transaction, then at each
	// savepoint. None: no transaction.
	levels   []level
	implicit bool // the transaction ends with its Query or Sync
	failed   bool // inside a block that waits for its ROLLBACK

	due      []string // notifications that are committed and not yet expected
	listened bool     // listening at some time since the last ReadyForQuery
}

// state is what a transaction brings back when it is rolled back.
type state struct {
	settings  map[string]held
	tables    map[string]table
	cursors   map[string]*cursor
	xactLocks map[int64]bool // transaction-level advisory locks
	listening bool
	notified  []string // not yet committed
}

// held is the value of a setting.
type held struct {
	session string
	local   string // SET LOCAL
	isLocal bool
}

func (h held) value() string {
	if h.isLocal {
		return h.local
	}
	return h.session
}

// table is a temporary table: so many rows with the word in each.
type table struct {
	word        string
	rows        int
	dropsItself bool // ON COMMIT DROP
}

// cursor answers its word and the number of the row. Neither its position nor
// its end is rolled back.
type cursor struct {
	word   string
	next   int
	hold   bool
	closed bool
}

// level is the state before a transaction (name "") or a savepoint.
type level struct {
	name  string
	state state
}

func (s state) clone() state {
	s.settings, s.tables, s.cursors, s.xactLocks = maps.Clone(s.settings), maps.Clone(s.tables), maps.Clone(s.cursors), maps.Clone(s.xactLocks)
	s.notified = s.notified[:len(s.notified):len(s.notified)]
	return s
}

func newSession(id string, defaults map[string]string) *session {
	s := &session{
		id: id, defaults: defaults, had: map[string]map[string]bool{}, spoilt: map[string]bool{},
		prepared: map[string]prepared{}, sqlPrepared: map[string]string{}, locks: map[int64]int{},
		state: state{
			settings: map[string]held{}, tables: map[string]table{}, cursors: map[string]*cursor{}, xactLocks: map[int64]bool{},
		},
	}
	for name, value := range defaults {
		s.settings[name] = held{session: value}
	}
	return s
}

// inBlock: between BEGIN and its end, failed or not.
func (s *session) inBlock() bool { return len(s.levels) > 0 && !s.implicit }

// status is what ReadyForQuery says.
func (s *session) status() byte {
	switch {
	case s.failed:
		return 'E'
	case s.inBlock():
		return 'T'
	}
	return 'I'
}

// enter makes sure that there is a transaction, an implicit one if need be.
func (s *session) enter() {
	if len(s.levels) == 0 {
		s.levels, s.implicit = []level{{state: s.state.clone()}}, true
	}
}

// run brings the model forward by a statement, and returns the SQLSTATE that it
// fails with, "" for none.
func (s *session) run(st statement) string {
	if s.failed && !st.exits && st.fails != syntaxError {
		return "25P02"
	}
	s.enter()
	if st.fails != "" {
		s.fail()
		return st.fails
	}
	if st.effect != nil {
		st.effect()
	}
	return ""
}

// fail is an error: an implicit transaction is over, a block is rolled back to
// its last savepoint and waits.
func (s *session) fail() {
	if len(s.levels) == 0 {
		return
	}
	if s.implicit {
		s.rollback()
		return
	}
	s.restore(len(s.levels) - 1)
	s.failed = true
}

// finish ends an implicit transaction, at the end of a Query or at a Sync.
func (s *session) finish() {
	if s.implicit {
		s.commit()
	}
}

// begin is BEGIN: what came before it in the same Query or pipeline becomes part
// of the block.
func (s *session) begin() { s.implicit = false }

func (s *session) commit() {
	if s.failed {
		s.rollback()
		return
	}
	for name, h := range s.settings {
		s.settings[name] = held{session: h.session}
	}
	maps.DeleteFunc(s.tables, func(_ string, t table) bool { return t.dropsItself })
	maps.DeleteFunc(s.cursors, func(_ string, c *cursor) bool { return !c.hold })
	clear(s.xactLocks)
	if s.listening {
		s.due = append(s.due, s.notified...)
	}
	s.notified = nil
	s.listened = s.listened || s.listening
	s.levels, s.implicit, s.failed = nil, false, false
}

func (s *session) rollback() {
	if len(s.levels) > 0 {
		s.restore(0)
	}
	s.levels, s.implicit, s.failed = nil, false, false
}

// restore brings the state of a level back and keeps the level.
func (s *session) restore(depth int) {
	s.levels = s.levels[:depth+1]
	s.state = s.levels[depth].state.clone()
	maps.DeleteFunc(s.cursors, func(_ string, c *cursor) bool { return c.closed })
}

// savepoint returns the depth of the newest savepoint of that name, or -1.
func (s *session) savepoint(name string) int {
	for depth := len(s.levels) - 1; depth > 0; depth-- {
		if s.levels[depth].name == name {
			return depth
		}
	}
	return -1
}

func (s *session) set(name, value string, local bool) {
	if s.had[name] == nil {
		s.had[name] = map[string]bool{}
	}
	s.had[name][value] = true
	h := s.settings[name]
	if local {
		h.local, h.isLocal = value, true
	} else {
		h = held{session: value}
	}
	s.settings[name] = h
}

// resetAll is RESET ALL: the role stays.
func (s *session) resetAll() {
	for name, value := range s.defaults {
		if name != roleSetting {
			s.settings[name] = held{session: value}
		}
	}
}

// discardAll is DISCARD ALL, which runs outside of blocks only.
func (s *session) discardAll() {
	s.resetAll()
	if _, ok := s.settings[roleSetting]; ok {
		s.settings[roleSetting] = held{session: s.defaults[roleSetting]}
	}
	s.deallocateAll()
	for name := range s.cursors {
		s.closeCursor(name)
	}
	clear(s.tables)
	clear(s.locks)
	s.listening, s.nonconstant = false, false
}

// deallocateAll drops all statements that have a name.
func (s *session) deallocateAll() {
	maps.DeleteFunc(s.prepared, func(name string, _ prepared) bool { return name != "" })
	clear(s.sqlPrepared)
}

func (s *session) closeCursor(name string) {
	s.cursors[name].closed = true
	delete(s.cursors, name)
}

// holds reports whether the session has state that a pooler can only keep by
// keeping the server connection.
func (s *session) holds() bool {
	if len(s.locks)+len(s.tables)+len(s.cursors)+len(s.sqlPrepared) > 0 {
		return true
	}
	return s.listening || s.nonconstant || s.settings[roleSetting].value() != s.defaults[roleSetting]
}
