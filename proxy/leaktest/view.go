package leaktest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The columns of a look beside the settings.
const (
	columnWord     = "word"
	columnTenant   = "tenant"
	columnLocks    = "advisory lock"
	columnTables   = "temporary table"
	columnCursors  = "cursor"
	columnPrepared = "prepared statement"
	columnChannels = "listen"
)

// lists are the columns that list what a session holds.
var lists = []struct{ name, sql string }{
	{columnLocks, "(select string_agg(objid::text, ',') from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_backend_pid())"},
	{columnTables, "(select string_agg(relname::text, ',') from pg_catalog.pg_class where relnamespace = pg_my_temp_schema() and relkind = 'r')"},
	{columnCursors, "(select string_agg(name::text, ',') from pg_catalog.pg_cursors where is_holdable)"},
	{columnPrepared, "(select string_agg(name::text, ',') from pg_catalog.pg_prepared_statements where from_sql)"},
	{columnChannels, "(select string_agg(c::text, ',') from pg_listening_channels() c)"},
}

// view is a statement that looks at the session: all settings, and in full
// whatever else a session holds.
func (c *client) view(full bool, word string) statement {
	s := c.session
	labels, row := []string{columnWord, columnTenant}, []string{word, c.tenant.Name}
	columns := []string{"$1::text", "(select name from leak.marker)"}
	for _, name := range slices.Sorted(maps.Keys(s.defaults)) {
		labels, row = append(labels, name), append(row, s.settings[name].value())
		columns = append(columns, "coalesce(current_setting("+quote(name)+", true), '')")
	}
	if full {
		for _, list := range lists {
			labels = append(labels, list.name)
			columns = append(columns, "coalesce("+list.sql+", '')")
		}
		row = append(row, s.lockList(), sortedList(maps.Keys(s.tables)), s.cursorList(), sortedList(maps.Keys(s.sqlPrepared)), "")
		if s.listening {
			row[len(row)-1] = c.channel(c.index)
		}
	}
	st := selects(aboutSession, "select "+strings.Join(columns, ", "), row...)
	st.labels, st.params = labels, []string{word}
	return st
}

func (s *session) lockList() string {
	var keys []string
	for key := range s.locks {
		keys = append(keys, strconv.FormatInt(key, 10))
	}
	for key := range s.xactLocks {
		if s.locks[key] == 0 {
			keys = append(keys, strconv.FormatInt(key, 10))
		}
	}
	return sortedList(slices.Values(keys))
}

func (s *session) cursorList() string {
	var names []string
	for name, cursor := range s.cursors {
		if cursor.hold {
			names = append(names, name)
		}
	}
	return sortedList(slices.Values(names))
}

// look looks at the session in one of the ways that a client may ask.
func (c *client) look() {
	full := !c.session.inBlock() && c.random.IntN(3) == 0
	if c.config.NoPrepared || c.random.IntN(2) == 0 {
		c.alone(c.view(full, c.word()))
		return
	}
	name := formGlance
	if full {
		name = formLook
	}
	g := segment{c: c}
	if _, known := c.session.prepared[string(name)]; !known {
		g.parse(string(name), prepared{form: name})
	}
	g.execute(string(name), c.word(), 0)
	g.sync()
}

// seen puts what a look has answered into the shape in which it is expected:
// lists sorted, without what this session's own functions have made, and as if
// nothing were wrong with what a violation was reported about already.
func (c *client) seen(labels, row, expected []string) []string {
	row = slices.Clone(row)
	for i, label := range labels {
		if c.session.spoilt[label] {
			row[i] = expected[i]
			continue
		}
		switch label {
		case functionSetting:
			if strings.HasPrefix(row[i], c.session.id) {
				row[i] = ""
			}
		case columnLocks, columnTables, columnCursors, columnPrepared, columnChannels:
			row[i] = sortedList(func(yield func(string) bool) {
				for item := range strings.SplitSeq(row[i], ",") {
					if item != "" && !c.madeByFunction(label, item) && !yield(item) {
						return
					}
				}
			})
		}
	}
	return row
}
