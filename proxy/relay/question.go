package relay

import (
	"strings"

	"postern/proxy/relay/statement"
)

// What a transaction has left in its session is not worked out from its
// statements, which may have been rolled back to whatever savepoint: the server
// is asked when the transaction is over, about what they may have touched.

// question is one thing to ask about.
type question struct {
	change statement.Change
	pin    Pins
	// exists is true if there is such state. Nothing in it can be redefined by
	// the client's search_path.
	exists string
}

var questions = [...]question{
	{statement.Listen, PinListen, "EXISTS (SELECT FROM pg_catalog.pg_listening_channels())"},
	{statement.Temporary, PinTemporary, "pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND (" +
		"EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) OR " +
		"EXISTS (SELECT FROM pg_catalog.pg_type WHERE typnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) OR " +
		"EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()))"},
	{statement.AdvisoryLock, PinLock, "EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory'::pg_catalog.text" +
		" AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())"},
	{statement.HoldCursor, PinCursor, "EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)"},
	{statement.Prepared, PinPrepared, "EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)"},
	{statement.Role, PinRole, "pg_catalog.current_setting('role') OPERATOR(pg_catalog.<>) 'none'::pg_catalog.text OR NOT EXISTS (" +
		// Not pg_stat_get_activity, which a tenant of a shared instance may not call.
		"SELECT FROM pg_catalog.pg_stat_get_backend_idset() AS b, pg_catalog.pg_roles AS r" +
		" WHERE pg_catalog.pg_stat_get_backend_pid(b) OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()" +
		" AND pg_catalog.pg_stat_get_backend_userid(b) OPERATOR(pg_catalog.=) r.oid AND r.rolname OPERATOR(pg_catalog.=) SESSION_USER)"},
}

// unanswerable are changes that the server cannot be asked about.
var unanswerable = [...]question{
	{change: statement.UnknownSetting, pin: PinSetting},
	{change: statement.Library, pin: PinLibrary},
	{change: statement.Other, pin: PinOther},
}

// asks reports whether q must be asked now.
func (p *pooling) asks(q question) bool {
	return !p.config.NoPins && ((p.backend.changes.bits|p.backend.changes.ends&p.pinned())&q.change != 0 || p.backend.changes.truncated)
}

// pinned are the changes that there are pins of.
func (p *pooling) pinned() (bits statement.Change) {
	for _, q := range questions {
		if p.pins&q.pin != 0 {
			bits |= q.change
		}
	}
	return bits
}

// settleBlind deals with changes about which nothing can be asked.
func (p *pooling) settleBlind() {
	for _, q := range unanswerable {
		if p.backend.changes.bits&q.change != 0 && !p.config.NoPins {
			p.pins |= q.pin
		}
		p.backend.changes.bits &^= q.change
	}
}

// mustAsk reports whether anything is to be asked.
func (p *pooling) mustAsk() bool {
	if len(p.backend.changes.names) > 0 || p.backend.changes.bits&statement.AllSettings != 0 || p.backend.changes.truncated {
		return true
	}
	for _, q := range questions {
		if p.asks(q) {
			return true
		}
	}
	return false
}

// settingNames are the settings to ask about.
func (p *pooling) settingNames() []string {
	if p.backend.changes.bits&statement.AllSettings != 0 {
		for name := range p.settings.Map() {
			p.backend.changes.name(name)
		}
		for name := range p.backend.Settings.Map() {
			p.backend.changes.name(name)
		}
	}
	return p.backend.changes.names
}

// Question is the query to answer a Settle by. Its rows are for Settled.
func (s *Session) Question() string {
	p := s.pooling
	var parts []string
	for _, q := range questions {
		if p.asks(q) {
			parts = append(parts, "SELECT '"+q.pin.String()+"', NULL, NULL, NULL WHERE "+q.exists)
		}
	}
	for _, name := range p.settingNames() {
		literal := Literal(name)
		// Whether it is the session's own costs a look at all settings.
		unset := "NULL"
		if p.backend.changes.bits&(statement.Reset|statement.AllSettings) != 0 && !strings.Contains(name, ".") {
			unset = "(SELECT (source OPERATOR(pg_catalog.<>) 'session'::pg_catalog.text)::pg_catalog.text FROM pg_catalog.pg_settings" +
				" WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=) " + literal + "::pg_catalog.text)"
		}
		parts = append(parts, "SELECT 'set', "+literal+", pg_catalog.current_setting("+literal+", true), "+unset)
	}
	if p.backend.changes.truncated {
		parts = append(parts, "SELECT 'set', pg_catalog.lower(name), pg_catalog.current_setting(name, true), NULL FROM pg_catalog.pg_settings"+
			" WHERE source OPERATOR(pg_catalog.=) 'session'::pg_catalog.text")
	}
	return p.restoreOwn() + strings.Join(parts, " UNION ALL ")
}

// restoreOwn is a statement that gives the session back what the client asked for
// at login, where a RESET has brought what another did.
func (p *pooling) restoreOwn() string {
	if p.backend.changes.bits&(statement.Reset|statement.AllSettings) == 0 || p.own == p.backend.Own {
		return ""
	}
	own, started := p.own.Map(), p.backend.Own.Map()
	var b strings.Builder
	for _, name := range p.settingNames() {
		if value, ok := own[name]; ok && value != started[name] {
			b.WriteString("SELECT pg_catalog.set_config(name, " + Literal(value) + ", false) FROM pg_catalog.pg_settings" +
				" WHERE name OPERATOR(pg_catalog.=) " + Literal(name) + "::pg_catalog.text" +
				" AND source OPERATOR(pg_catalog.<>) 'session'::pg_catalog.text; ")
		}
	}
	return b.String()
}

// Settled takes the answer to Question: for each row, which pin there is; or
// 'set', a setting, its value, and whether that is not the session's own.
func (s *Session) Settled(rows [][]*string) {
	p := s.pooling
	for _, q := range questions {
		if p.asks(q) {
			p.pins &^= q.pin
		}
	}
	settings := p.settings.Map()
	actual := p.backend.Settings.Map()
	for _, row := range rows {
		if len(row) != 4 || row[0] == nil {
			continue
		}
		if *row[0] == "set" && row[1] != nil {
			p.settle(settings, actual, *row[1], row[2], row[3])
			continue
		}
		for _, q := range questions {
			if *row[0] == q.pin.String() {
				p.pins |= q.pin
			}
		}
	}
	if p.backend.changes.bits&statement.AllSettings != 0 {
		p.pins &^= PinSetting
	}
	p.settings = NewSettings(settings)
	p.backend.Settings = NewSettings(actual)
	s.asked()
}

// settle notes what has become of one setting.
func (p *pooling) settle(settings, actual map[string]string, name string, value, unset *string) {
	reset := p.backend.changes.bits&(statement.Reset|statement.AllSettings) != 0
	if value == nil || *value == "" && reset && strings.Contains(name, ".") {
		delete(settings, name) // it never was, or is no more
		delete(actual, name)
		return
	}
	actual[name] = *value
	if unset == nil || *unset != "true" {
		settings[name] = *value
		return
	}
	// What the client had at login it has again, wherever it goes.
	delete(settings, name)
	if own, ok := p.own.Map()[name]; ok {
		settings[name] = own
	} else {
		delete(actual, name)
	}
}

// Unsettled tells that the server could not be asked. The client keeps its server
// connection.
func (s *Session) Unsettled() {
	p := s.pooling
	p.pins |= PinUnconfirmed
	s.asked()
}

// asked ends a Settle. The question was a Query, so the server has no unnamed
// statement now.
func (s *Session) asked() {
	p := s.pooling
	p.backend.settling = false
	p.backend.changes = changes{}
	p.backend.Queried()
}

// Literal returns text as a string constant of SQL, whatever
// standard_conforming_strings says.
func Literal(text string) string {
	var b strings.Builder
	if strings.Contains(text, `\`) {
		b.WriteByte('E')
	}
	b.WriteByte('\'')
	for i := range len(text) {
		if text[i] == '\'' || text[i] == '\\' {
			b.WriteByte(text[i])
		}
		b.WriteByte(text[i])
	}
	b.WriteByte('\'')
	return b.String()
}
