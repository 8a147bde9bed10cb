package statement

import "strings"

// meaning is what a name says that can stand anywhere in a statement.
type meaning struct {
	changes, ends Change
	effects       Effects
	special       special
}

// special is what takes more than a look at the name.
type special uint8

const (
	_ special = iota
	setConfig
	insert     // or MERGE: the INTO behind it is its own
	into       // of a SELECT
	update     // of the views and tables below
	whenUpdate // means something only in a statement that has an UPDATE
)

// meanings are those of the functions, and of some words and views.
var meanings = map[string]meaning{
	"set_config":                  {special: setConfig},
	"pg_advisory_lock":            {changes: AdvisoryLock},
	"pg_advisory_lock_shared":     {changes: AdvisoryLock},
	"pg_try_advisory_lock":        {changes: AdvisoryLock},
	"pg_try_advisory_lock_shared": {changes: AdvisoryLock},
	"pg_advisory_unlock":          {ends: AdvisoryLock},
	"pg_advisory_unlock_shared":   {ends: AdvisoryLock},
	"pg_advisory_unlock_all":      {ends: AdvisoryLock},

	"dblink_connect":                      {changes: Other},
	"dblink_connect_u":                    {changes: Other},
	"pg_replication_origin_session_setup": {changes: Other},
	"pg_create_logical_replication_slot":  {changes: Other},
	"pg_create_physical_replication_slot": {changes: Other},
	"pg_copy_logical_replication_slot":    {changes: Other},
	"pg_copy_physical_replication_slot":   {changes: Other},
	"pg_backup_start":                     {changes: Other},
	"pg_start_backup":                     {changes: Other},

	"insert": {special: insert},
	"merge":  {special: insert},
	"into":   {special: into, changes: Temporary},
	"update": {special: update},

	"pg_reload_conf": {effects: Logins},
	// An UPDATE of the view pg_settings is a SET; the others are the tables of
	// what a login needs.
	"pg_settings":        {special: whenUpdate, changes: UnknownSetting},
	"pg_database":        {special: whenUpdate, effects: Logins},
	"pg_db_role_setting": {special: whenUpdate, effects: Logins},
	"pg_authid":          {special: whenUpdate, effects: Roles | Logins},
}

// lengthsByFirst and lengthsByLast have, for each byte that a name in meanings
// begins and ends with, a bit for each length: nearly all names of a text are told
// apart by them.
var lengthsByFirst, lengthsByLast = func() (first, last [256]uint64) {
	for name := range meanings {
		for _, spelling := range [...]string{name, strings.ToUpper(name)} {
			first[spelling[0]] |= 1 << len(name)
			last[spelling[len(name)-1]] |= 1 << len(name)
		}
	}
	return first, last
}()

// look notes what the name at the current token says by itself, without quotes or
// with them.
func (s *scanner) look() {
	name := s.token()
	switch s.kind {
	case quotedName:
		name = inner(name, 1)
	case unicodeName:
		text, ok := s.identifier()
		if !ok {
			s.Changes |= Other // whatever it is
			return
		}
		name = []byte(text)
	}
	if n := len(name); n > 0 && n < longestName && lengthsByFirst[name[0]]&lengthsByLast[name[n-1]]>>(n&63)&1 != 0 {
		s.means(name)
	}
}

// means notes what a name says that is not too long.
func (s *scanner) means(name []byte) {
	var buffer [longestName]byte
	if s.kind == word {
		name = fold(buffer[:], name)
	}
	m, ok := meanings[string(name)]
	if !ok {
		return
	}
	switch m.special {
	case setConfig:
		s.setConfig()
	case insert:
		if l := s.following(); s.kind == word && l.is("into") {
			s.lexer = l
		}
		return
	case into, update:
		if s.kind != word {
			return // no key word
		}
		s.updates = s.updates || m.special == update
	case whenUpdate:
		if !s.updates {
			return
		}
	}
	s.Changes |= m.changes
	s.Ends |= m.ends
	s.Effects |= m.effects
}

// setConfig notes a call of set_config. It does not read on: there may be another
// call in the arguments.
func (s *scanner) setConfig() {
	l := s.following()
	if !l.isSign('(') {
		return
	}
	l.next()
	constantValue, local := s.arguments(l)
	if local {
		s.Changes |= LocalSetting
		return
	}
	if !constantValue {
		s.Changes |= Reset // NULL resets
	}
	name, ok := l.literal()
	if ok && !l.alone() {
		ok = l.castToText()
	}
	if !ok {
		s.Changes |= UnknownSetting
		return
	}
	s.setting(string(lower([]byte(name))))
}

// maxAhead bounds what is looked at more than once, in bytes. Calls behind that
// count as not local.
const maxAhead = 64 << 10

// arguments reports whether the second argument of set_config is a constant
// string, and whether the third one is the constant true.
func (s *scanner) arguments(l lexer) (constantValue, local bool) {
	begin := l.at
	depth, commas, first := 1, 0, true
	for l.kind > semicolon && s.ahead+l.at-begin < maxAhead && depth > 0 && commas < 3 {
		switch {
		case l.isSign('('), l.isSign('['):
			depth++
		case l.isSign(')'), l.isSign(']'):
			depth--
		case depth == 1 && l.isSign(','):
			commas++
			first = true
			l.next()
			continue
		case first && commas == 1:
			constantValue = (l.kind == constant || l.kind == escapes) && l.alone()
		case first && commas == 2:
			local = l.is("true") && l.alone()
			commas++ // no more is needed
		}
		first = false
		l.next()
	}
	s.ahead += l.at - begin
	return constantValue, local
}

// alone reports whether the current token, the first of an argument, is all of it.
func (l *lexer) alone() bool {
	ahead := l.following()
	return ahead.isSign(',') || ahead.isSign(')')
}

// castToText reports whether all that follows the current token in the argument is
// a cast to text, which changes nothing.
func (l *lexer) castToText() bool {
	ahead := l.following()
	for range 2 {
		if !ahead.isSign(':') {
			return false
		}
		ahead.next()
	}
	return (ahead.is("text") || ahead.is("varchar")) && ahead.alone()
}
