package leaktest

import (
	"strconv"
	"strings"
)

// topic is what a statement is about, and so what it means when the answer is
// not the one expected: "foreign …" or "lost …".
type topic string

const (
	aboutRow      topic = "row"
	aboutSetting  topic = "setting"
	aboutPrepared topic = "prepared statement"
	aboutTable    topic = "temporary table"
	aboutLock     topic = "advisory lock"
	aboutCursor   topic = "cursor"
	aboutListen   topic = "listen"
	aboutCopy     topic = "copy"
	aboutControl  topic = "transaction"
	aboutSession  topic = "session" // a look at all of it; labels name the columns
)

// SQLSTATEs that the model expects.
const (
	syntaxError       = "42601"
	noSuchPrepared    = "26000"
	preparedTaken     = "42P05"
	noSuchTable       = "42P01"
	tableTaken        = "42P07"
	noSuchCursor      = "34000"
	cursorTaken       = "42P03"
	noSuchSavepoint   = "3B001"
	activeTransaction = "25001"
	noTransaction     = "25P01"
	canceled          = "57014"
	divisionByZero    = "22012"
	invalidText       = "22P02"
)

// statement is one SQL statement and what PostgreSQL answers.
type statement struct {
	sql    string
	params []string // for $1 …; a simple Query has them in its text
	bound  bool     // only with Bind

	topic   topic
	columns bool       // it answers rows, if only none
	labels  []string   // names of the columns of a look
	rows    [][]string // what it answers
	tag     string
	fails   string // SQLSTATE, "" for none
	exits   bool   // allowed in a failed block
	effect  func() // on the model
}

// inline is the text of the statement with its parameters in it.
func (st statement) inline() string {
	sql := st.sql
	for i, param := range st.params {
		sql = strings.ReplaceAll(sql, "$"+strconv.Itoa(i+1), quote(param))
	}
	return sql
}

// quote makes a string constant. No value of this test has a backslash, since
// standard_conforming_strings is one of the settings that change.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// selects is a statement that answers one row.
func selects(about topic, sql string, row ...string) statement {
	return statement{sql: sql, topic: about, columns: true, rows: [][]string{row}, tag: "SELECT 1"}
}

// commands is a statement that answers no rows.
func commands(about topic, sql, tag string, effect func()) statement {
	return statement{sql: sql, topic: about, tag: tag, effect: effect}
}
