package leaktest

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// verdict says what kind of violation it is that this line came instead of the
// one expected.
func (c *client) verdict(e expectation, line string) Kind {
	about := e.statement.topic
	switch line {
	case "E " + canceled:
		return "foreign cancel"
	case "E " + preparedTaken:
		return foreign(aboutPrepared)
	case "E " + noSuchPrepared:
		return lost(aboutPrepared)
	case "E " + tableTaken:
		return foreign(aboutTable)
	case "E " + cursorTaken:
		return foreign(aboutCursor)
	case "E " + noSuchCursor:
		return lost(aboutCursor)
	case "E " + noSuchTable:
		if about == aboutTable {
			return lost(aboutTable)
		}
	}
	switch {
	case strings.HasPrefix(line, "F "):
		return "broken connection"
	case line[0] == 'Z' || e.line[0] == 'Z':
		if line[0] == e.line[0] {
			return "wrong transaction status"
		}
		return "wrong message"
	case about == aboutLock && line == "D f" && strings.Contains(e.statement.sql, "pg_try"):
		return foreign(aboutLock)
	case about == aboutLock && line[0] == 'D':
		return lost(aboutLock)
	}
	switch e.line { // an error that did not come: something is there, or is not
	case "E " + preparedTaken, "E " + tableTaken, "E " + cursorTaken:
		return lost(about)
	case "E " + noSuchPrepared, "E " + noSuchTable, "E " + noSuchCursor:
		if about != aboutRow {
			return foreign(about)
		}
	}
	switch {
	case line[0] == 'E':
		return "unexpected error"
	case e.line[0] == 'D' && line[0] == 'C' && about != aboutRow:
		return lost(about) // rows are missing
	case about == aboutPrepared && line == "n" && e.line == "T":
		return lost(about)
	case line[0] != e.line[0]:
		return "wrong message"
	case about == aboutPrepared || about == aboutTable || about == aboutCursor || about == aboutSetting:
		return foreign(about)
	case about == aboutCopy && line[0] == 'D':
		return "torn copy"
	}
	return "wrong row"
}

// compareLook compares a row of a look column by column. A column that is wrong
// is reported once in a session, which goes on.
func (c *client) compareLook(st statement, row []string) {
	expected := st.rows[0]
	row = c.seen(st.labels, row, expected)
	for i, label := range st.labels {
		if row[i] == expected[i] {
			continue
		}
		c.session.spoilt[label] = true
		c.report(c.verdictOnColumn(label, row[i], expected[i]), fmt.Sprintf("%s is %q, expected %q", label, row[i], expected[i]))
		if label == columnWord || label == columnTenant {
			c.hangUp() // whoever answers is not who was asked
			return
		}
	}
}

func (c *client) verdictOnColumn(label, got, expected string) Kind {
	switch label {
	case columnWord:
		return "wrong row"
	case columnTenant:
		return "foreign tenant"
	case functionSetting:
		return foreign(aboutSetting)
	case columnLocks, columnTables, columnCursors, columnPrepared, columnChannels:
		for item := range strings.SplitSeq(got, ",") {
			if item != "" && !slices.Contains(strings.Split(expected, ","), item) {
				return foreign(topic(label))
			}
		}
		return lost(topic(label))
	}
	switch s := c.session; {
	case s.had[label][got]:
		return "stale setting" // its own, but rolled back, reset or replaced
	case got == s.defaults[label] || got == c.tenant.defaults[label]:
		return lost(aboutSetting)
	}
	return foreign(aboutSetting)
}

func foreign(about topic) Kind { return Kind("foreign " + string(about)) }
func lost(about topic) Kind    { return Kind("lost " + string(about)) }

// sortedList joins items in order.
func sortedList(items iter.Seq[string]) string { return strings.Join(slices.Sorted(items), ",") }
