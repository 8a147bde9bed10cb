package statement

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSettings: which settings are changed, and how.
// Promises: F99, F100.
func TestSettings(t *testing.T) {
	t.Parallel()
	const characteristics = "default_transaction_isolation default_transaction_read_only default_transaction_deferrable"
	for text, want := range map[string]string{
		"set search_path = a, b":                               "search_path",
		"set session Search_Path to a":                         "search_path",
		"SET/**/\"DateStyle\"--\n=iso":                         "datestyle",
		"set x=-1":                                             "x",
		"set work_mem from current":                            "work_mem",
		"set app.tenant = 'x'; set \"App\".\"B\" = 1":          "app.tenant app.b",
		"set a . b/**/.c = 1":                                  "a.b.c",
		`set "a.b" = 1`:                                        "a.b",
		`set u&"app\002Etenant" = 1`:                           "app.tenant",
		`set u&"app!002Etenant" uescape '!' = 1`:               "app.tenant",
		`set u&"a".u&"!0062" uescape '!'.c = 1`:                "a.b.c",
		"set É.x = 1":                                          "É.x",
		"set time zone 'UTC'":                                  "timezone",
		"set session time zone interval '1' hour":              "timezone",
		"set time zone local":                                  "timezone reset",
		"set time zone default":                                "timezone reset",
		"set names 'utf8'":                                     "client_encoding",
		"set names":                                            "client_encoding reset",
		"set names default":                                    "client_encoding reset",
		"set schema 'x'":                                       "search_path",
		"set xml option document":                              "xmloption",
		"set session characteristics as transaction read only": characteristics,
		"set session session characteristics as transaction read only": characteristics,
		// Key words that are names here.
		"set session = 3": "session", "set local to 3": "local", "set session.x = 1": "session.x",
		"set local.x = 1": "local.x", "set session local.x = 1": "local.x", "set session session.x = 1": "session.x",
		"set role.x = 1": "role.x", "set time.zone = 1": "time.zone", "set names.x = 1": "names.x",
		"set transaction.x = 1": "transaction.x", "set constraints.x = 1": "constraints.x",
		"set characteristics.x = 1": "characteristics.x", "set session characteristics.x = 1": "characteristics.x",
		"set schema.x = 1": "schema.x", "set xml.x = 1": "xml.x", "reset session.x": "session.x reset",
		"reset role.x": "role.x reset", "reset time.x": "time.x reset", "reset transaction.x": "transaction.x reset",
		// No state of the session.
		"set seed = 0.1": "", "set transaction read only": "", "set session transaction read only": "",
		"set constraints all deferred": "", "set transaction_isolation = 'serializable'": "", "set \"Transaction_Read_Only\" = on": "",
		"set local search_path = a": "local", "set local time zone 'UTC'": "local", "set local session.x = 1": "local",
		"set local session characteristics as transaction read only": "local",
		// Back to the default.
		"set work_mem to default": "work_mem reset", "set work_mem = Default": "work_mem reset",
		"reset work_mem": "work_mem reset", "reset time zone": "timezone reset", "reset \"A\".b;": "a.b reset",
		"reset transaction isolation level": "",
		// set_config.
		"select set_config('TimeZone', 'UTC', false)":                                 "timezone",
		"select pg_catalog.set_config('search_path', '', false);":                     "search_path",
		"select \"set_config\" ( 'a.b' , 'c' , 'f')":                                  "a.b",
		"select set_config(e'a.b', '', false)":                                        "a.b",
		"select set_config($$a.b$$, '', false)":                                       "a.b",
		"select set_config($x$a.b$x$, E'\\'', false)":                                 "a.b",
		"select set_config(U&'a.b', '', false)":                                       "a.b",
		"select set_config('a.b'::text, '', false)":                                   "a.b",
		"select set_config('a.b'::character(1), '', false)":                           "unknown",
		"select set_config('a.'\n'b', '', false)":                                     "unknown",
		"select set_config(e'\\x61.b', '', false)":                                    "unknown",
		"select set_config('a\\.b', '', false)":                                       "unknown",
		"select set_config(U&'\\0061.b', '', false)":                                  "unknown",
		"select set_config(U&'!0061.b' uescape '!', '', false)":                       "unknown",
		"select set_config($1, 'x', false)":                                           "unknown",
		"select set_config(('a'), 'x', false)":                                        "unknown",
		"select set_config('a' || 'b', 'x', false)":                                   "unknown",
		"select set_config(setting_name => 'a', new_value => 'b', is_local => false)": "unknown reset",
		"select set_config(name, setting, false) from t":                              "unknown reset",
		"select set_config('a.b', $1, false)":                                         "a.b reset",
		"select set_config('a.b', null, false)":                                       "a.b reset",
		"select set_config('a.b', 'x', true)":                                         "local",
		"select set_config('a.b', $1, TRUE )":                                         "local",
		"select set_config($1, $2, true)":                                             "local",
		"select set_config((('a')), f(1, true, array[2, 3]), true)":                   "local",
		"select set_config('a.b', f(1, 2, true), false)":                              "a.b reset",
		"select set_config('a.b', 'x', true and f)":                                   "a.b",
		"select set_config('a.b', 'x', true or false)":                                "a.b",
		"select set_config('a.b', 'x', $1)":                                           "a.b",
		"select set_config('a.b', 'x', not true)":                                     "a.b",
		"select set_config('a.b', set_config('c.d', 'x', false), true)":               "c.d local",
		"select set_config('a.b', set_config('c.d', 'x', true), false)":               "a.b local reset",
		"select set_config('a.b', 'x', false), set_config('A.B', 'x', false)":         "a.b",
		"with x as (select set_config('a.b', 'x', false)) insert into t table x":      "a.b",
		"select set_config":                                                           "",
		"select set_config from t":                                                    "",
		"select 'set_config(''a'',''b'',f)'":                                          "",
		"select set_configs('a', 'b', false)":                                         "",
		"select set_config('seed', '0.1', false)":                                     "",
		"prepare p as select set_config('a.b', $1, true)":                             "local",
		"prepare p as select set_config('a.b', $1, false)":                            "a.b reset",
		// What begins statements, within others.
		"create function f() returns int set a.b = 1 as 'x'": "",
		"alter table t set schema x":                         "", "alter role r reset all": "",
		"explain set a.b = 1":                              "",
		"begin; set a.b = 1; savepoint x; reset c; commit": "a.b c reset",
	} {
		s := scan(text)
		got := slices.Clone(s.Settings)
		for _, kind := range []struct {
			change Change
			name   string
		}{{UnknownSetting, "unknown"}, {LocalSetting, "local"}, {Reset, "reset"}} {
			if s.Changes&kind.change != 0 {
				got = append(got, kind.name)
			}
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		if (len(s.Settings) > 0) != (s.Changes&Setting != 0) {
			t.Errorf("%s: %v of %q", text, s.Changes, s.Settings)
		}
	}
}

// TestManySettings: a text cannot make the list of names as long as it likes, nor
// calls within calls take time.
func TestManySettings(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 3 * maxSettings {
		fmt.Fprintf(&many, "set a.b%d = 1;", i)
	}
	if s := scan(many.String()); len(s.Settings) != maxSettings || s.Changes != Setting|UnknownSetting || s.Statements != 3*maxSettings {
		t.Errorf("%d settings, %v, %d statements", len(s.Settings), s.Changes, s.Statements)
	}
	const depth = 20000
	deep := "select " + strings.Repeat("set_config('a.b', ", depth) + "'x'" + strings.Repeat(", true)", depth)
	s := scanner{lexer: lexer{text: []byte(deep)}}
	s.scan()
	if s.Changes&Setting == 0 || s.ahead > len(deep) {
		t.Errorf("%v after looking at %d bytes of %d", s.Changes, s.ahead, len(deep))
	}
}
