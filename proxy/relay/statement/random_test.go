package statement

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// random writes statements that change a session's state, or look as if, in all
// the spellings that PostgreSQL allows.
type random struct{ *rand.Rand }

func (r random) of(choices ...string) string { return choices[r.IntN(len(choices))] }

func (r random) chance(percent int) bool { return r.IntN(100) < percent }

// text is a few statements, some of them damaged.
func (r random) text() string {
	var b strings.Builder
	for n := 1 + r.IntN(4); n > 0; n-- {
		b.WriteString(r.statement() + r.of(";", ";", " ; ", ";;", ";--x\n"))
	}
	text := b.String()
	if r.chance(30) {
		text = strings.TrimRight(text, "; ")
	}
	for r.chance(35) {
		text = r.damaged(text)
	}
	return text
}

// damaged changes one place of a text, with what matters to a lexer.
func (r random) damaged(text string) string {
	if text == "" {
		return text
	}
	at := r.IntN(len(text))
	piece := r.of("'", "''", `"`, `\`, `\'`, "$", "$$", "$a$", "--", "/*", "*/", ";", "(", ")", "\n", " ", "E'", "U&'", `U&"`, "e", "0", "1", "+", ".", "::text",
		"\x83\\", "é", "N", "SET ", "LOCAL ", " 'x' ", "'\n'")
	switch r.IntN(4) {
	case 0:
		return text[:at] + text[at+1:]
	case 1:
		end := min(len(text), at+1+r.IntN(8))
		return text[:end] + text[at:]
	default:
		return text[:at] + piece + text[at:]
	}
}

// statements are forms, whose words are written by word.
var statements = []string{
	"SET @setting @to @value", "SET SESSION @setting @to @value", "SET LOCAL @setting @to @value", "SET @setting @to DEFAULT",
	"SET @setting FROM CURRENT", "RESET @setting", "RESET ALL", "DISCARD ALL", "DISCARD TEMP", "DISCARD PLANS",
	"SET TIME ZONE @zone", "SET SESSION TIME ZONE @zone", "SET LOCAL TIME ZONE @zone", "SET TIME ZONE LOCAL", "RESET TIME ZONE",
	"SET NAMES @encoding", "SET NAMES DEFAULT", "SET NAMES", "SET SCHEMA @string", "SET XML OPTION DOCUMENT", "SET XML OPTION CONTENT",
	"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
	"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET CONSTRAINTS ALL DEFERRED", "SET SESSION SESSION CHARACTERISTICS AS TRANSACTION DEFERRABLE",
	"SET ROLE app", "SET ROLE NONE", "SET SESSION ROLE app", "SET LOCAL ROLE app", "RESET ROLE", "SET role @to app", "SET role @to DEFAULT",
	"SET SESSION AUTHORIZATION app", "SET SESSION SESSION AUTHORIZATION app", "SET LOCAL SESSION AUTHORIZATION app", "SET SESSION AUTHORIZATION DEFAULT",
	"RESET SESSION AUTHORIZATION", "SET session_authorization @to app",
	"SELECT @set_config ( @name , @string , false )", "SELECT @set_config ( @name , @string , true )", "SELECT @set_config ( @name , NULL , false )",
	"SELECT @set_config ( @name , 'x' || 'y' , 'f' )", "SELECT @set_config ( 'app.' || 'tenant' , @string , false )",
	"SELECT @set_config ( @name , @set_config ( @name , @string , false ) , true )", "SELECT @set_config ( @name :: text , @string , NOT true )",
	"WITH a AS ( SELECT @set_config ( @name , @string , false ) ) SELECT * FROM a", "INSERT INTO kept SELECT @set_config ( @name , @string , false )",
	"DECLARE c2 CURSOR FOR SELECT @set_config ( @name , @string , false )", "FETCH ALL FROM c2", "( SELECT @set_config ( @name , @string , false ) )",
	"UPDATE pg_settings SET setting = @string WHERE name = @name", "WITH a AS ( UPDATE pg_catalog . pg_settings SET setting = '1' WHERE name = @name RETURNING 1 ) TABLE a",
	"EXPLAIN ( ANALYZE ) SELECT @set_config ( @name , @string , false )",
	"LISTEN a", "LISTEN \"B\"", "UNLISTEN a", "UNLISTEN *", "NOTIFY a",
	"SELECT @lock ( 1 )", "SELECT @lock ( 2 , 3 )", "SELECT pg_catalog . @lock ( 2 )", "WITH a AS ( SELECT @lock ( 4 ) ) SELECT 1 FROM a", "SELECT pg_advisory_xact_lock ( 1 )",
	"SELECT 1 WHERE @lock ( 7 ) IS NULL", "SELECT pg_advisory_unlock ( 1 )", "SELECT pg_advisory_unlock_shared ( 1 )", "SELECT pg_advisory_unlock_all ( )",
	"EXPLAIN ANALYZE SELECT @lock ( 5 )", "INSERT INTO kept SELECT @lock ( 6 ) :: text", "COPY ( SELECT @lock ( 8 ) ) TO STDOUT",
	"DECLARE c CURSOR WITH HOLD FOR SELECT 1", "DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT 1", "DECLARE c CURSOR FOR SELECT 1", "CLOSE c", "CLOSE ALL",
	"PREPARE p AS SELECT 1", "PREPARE p ( int ) AS SELECT $1", "PREPARE transaction AS SELECT 1", "PREPARE q AS SELECT @set_config ( @name , @string , false )",
	"EXECUTE p", "EXECUTE q", "EXPLAIN ANALYZE EXECUTE q", "DEALLOCATE p", "DEALLOCATE PREPARE p", "DEALLOCATE ALL", "DEALLOCATE PREPARE ALL",
	"CREATE TEMP TABLE t ( )", "CREATE TEMPORARY TABLE t2 AS SELECT 1", "CREATE LOCAL TEMP SEQUENCE s", "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
	"CREATE TABLE pg_temp . t3 ( )", "CREATE FUNCTION pg_temp . f ( ) RETURNS int LANGUAGE sql AS @string", "CREATE TYPE pg_temp . e AS ENUM ( )",
	"CREATE TABLE t4 ( )", "SELECT 1 INTO TEMP t5", "SELECT 1 INTO t6", "WITH a AS ( SELECT 1 ) SELECT * INTO TEMPORARY TABLE t7 FROM a", "( SELECT 1 INTO TEMP t8 )",
	"EXPLAIN ANALYZE CREATE TEMP TABLE t9 AS SELECT 1", "EXPLAIN ( ANALYZE , COSTS off ) SELECT 1 INTO TEMP t10", "CREATE TABLE t11 AS EXECUTE p",
	"CREATE SCHEMA AUTHORIZATION app CREATE TEMP TABLE t12 ( )", "ALTER FUNCTION kept ( ) SET SCHEMA pg_temp", "ALTER TABLE kept SET SCHEMA pg_temp",
	"DROP TABLE IF EXISTS t", "DROP TABLE t4", "DROP VIEW v", "DROP SEQUENCE s", "DROP FUNCTION pg_temp . f ( )",
	"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT a", "ROLLBACK TO a", "RELEASE a", "SELECT 1 / 0",
	"SELECT 1", "SELECT @string", "SELECT @string , @string", "SELECT @string AS @quoted", "SELECT 1 AS \"a;b\"", "VALUES ( 1 , @string )", "SELECT $1", "TABLE kept",
	"INSERT INTO kept VALUES ( @string )", "SELECT E'\x83\\' || @string", "SELECT '\x83\\' || @string", "SELECT 1 AS \x83\\$$",
	"SELECT $\x83\\$ ' $\x83\\$ , @string", "SELECT 'it\\'s' , @string", "SELECT 'a\\' || @string",
	"COMMENT ON TABLE kept IS @string", "SELECT B'1' , X'1F' , N'\\'", "", "",
}

func (r random) statement() string {
	form := statements[r.IntN(len(statements))]
	var b strings.Builder
	last := byte(' ')
	for _, field := range strings.Split(form, " ") {
		word := r.word(field)
		if word == "" {
			continue
		}
		if parts[last] && (parts[word[0]] || word[0] == '\'') || last == '\'' || last == '"' || r.chance(40) {
			b.WriteString(r.space())
		}
		b.WriteString(word)
		last = word[len(word)-1]
	}
	return b.String()
}

func (r random) space() string {
	return r.of(" ", " ", " ", "\n", "\t", "\r\n", "\f", " /**/ ", " /* ' */ ", " /* /* \" */ ; */ ", " --\n", " -- ' ;\n", " --x\r", " /*$$*/ ")
}

// settings are names and the values that they are given.
var settingValues = map[string][]string{
	"work_mem": {"8MB", "9MB"}, "search_path": {"a", "b", "pg_temp", "public"}, "datestyle": {"German", "SQL"}, "timezone": {"UTC", "CET"},
	"extra_float_digits": {"0", "2"}, "statement_timeout": {"61000", "62000"}, "standard_conforming_strings": {"on", "off"}, "bytea_output": {"escape", "hex"},
	"client_encoding": {"UTF8", "SJIS", "GBK", "LATIN1"}, "application_name": {"a", "b"}, "transaction_isolation": {"serializable"}, "seed": {"0.5"},
	"app.tenant": {"a", "b"}, "session.x": {"a", "b"}, "local.x": {"a", "b"}, "role.x": {"a", "b"}, "time.zone": {"a", "b"}, "transaction.x": {"a", "b"},
	"characteristics.x": {"a", "b"}, "names.x": {"a"}, "set.x": {"a"}, "schema.é": {"a", "b"}, "a.b.c": {"a", "b"},
	"default_transaction_read_only": {"on", "off"}, "xmloption": {"content", "document"}, "role": {"app", "none"}, "session_authorization": {"app"},
}

var settingNames = func() (names []string) {
	for name := range settingValues {
		names = append(names, name)
	}
	return names
}()

func (r random) setting() string { return settingNames[r.IntN(len(settingNames))] }

// word spells one word of a form.
func (r random) word(field string) string {
	kind, isKind := strings.CutPrefix(field, "@")
	if !isKind {
		if field == strings.ToUpper(field) && !strings.ContainsAny(field, `'"\$`) {
			return r.cases(field)
		}
		return field
	}
	switch kind {
	case "setting":
		var words []string
		for _, part := range strings.Split(r.setting(), ".") {
			words = append(words, r.name(r.cases(part), part != "set"))
		}
		return strings.Join(words, r.of(".", ".", " . ", "/**/./* ' */"))
	case "name":
		return r.string(r.cases(r.setting()))
	case "to":
		return r.of("=", "TO", "to", " = ")
	case "value", "string":
		values := settingValues[r.setting()]
		value := values[r.IntN(len(values))]
		if kind == "string" && r.chance(50) {
			value = r.of("", "; LISTEN x;", "'; LISTEN x; --", `\'; LISTEN x; --`, `\`, `it's`, "/*", "$$", "set_config('a.b', 'c', false)", "é", "x; SET a.b = 1; y", "\x83\\")
		} else if kind == "value" && r.chance(40) && !strings.ContainsAny(value, "0123456789") {
			return value
		}
		return r.string(value)
	case "zone":
		return r.string(r.of("UTC", "CET", "America/New_York"))
	case "encoding":
		return r.string(r.of("UTF8", "SJIS", "LATIN1", "GBK"))
	case "set_config":
		return r.of("", "", "pg_catalog.", `"pg_catalog" . `) + r.name(r.cases("set_config"), true)
	case "lock":
		return r.name(r.of("pg_advisory_lock", "pg_try_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock_shared"), true)
	case "quoted":
		return fmt.Sprintf(`"%s"`, r.of("x", `""`, "'", ";", `\`, "--", "/*", "$$"))
	}
	panic("no word is written " + field)
}

// cases is a word in some mixture of cases.
func (r random) cases(word string) string {
	switch r.IntN(3) {
	case 0:
		return word
	case 1:
		return strings.ToLower(word)
	}
	b := []byte(strings.ToLower(word))
	for i, c := range b {
		if c >= 'a' && c <= 'z' && r.chance(50) {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// name spells a name with or without quotes.
func (r random) name(name string, plain bool) string {
	quoted := r.of(name, strings.ToLower(name))
	switch n := r.IntN(5); {
	case n > 1 && plain:
		return name
	case n > 0:
		return `"` + quoted + `"`
	}
	escape := r.of(`\`, "!")
	var b strings.Builder
	for _, c := range quoted {
		switch r.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "%s%04x", escape, c)
		case 1:
			fmt.Fprintf(&b, "%s+%06X", escape, c)
		default:
			b.WriteRune(c)
		}
	}
	if escape == "!" {
		return `U&"` + b.String() + `"` + r.space() + r.cases("uescape") + r.of(" '!'", "'!'", " $$!$$")
	}
	return r.of("U", "u") + `&"` + b.String() + `"`
}

// string writes a constant. It may come out as another one where the setting
// standard_conforming_strings is off.
func (r random) string(value string) string {
	doubled := strings.ReplaceAll(value, "'", "''")
	switch r.IntN(8) {
	case 0:
		return r.of("e", "E") + "'" + strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), "'", r.of("''", `\'`)) + "'"
	case 1:
		return "$$" + value + "$$"
	case 2:
		return "$a1$" + value + "$a1$"
	case 3:
		return "U&'" + strings.ReplaceAll(doubled, `\`, `\\`) + "'"
	case 4:
		return r.of("", "E") + "'" + r.of(" \n '", "--'\n'", "\n--x\n'") + doubled + "'"
	}
	return "'" + doubled + "'"
}
