package sql

import (
	"slices"
	"strings"
	"testing"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	const nothing = Change(0)
	for _, test := range []struct {
		text     string
		changes  Change
		ends     Change
		settings string
	}{
		{"", nothing, 0, ""},
		{" ; /* a */ ; -- b", nothing, 0, ""},
		{"select 1", nothing, 0, ""},
		{"SET search_path = a, b", Setting, 0, "search_path"},
		{"set session Search_Path to a", Setting, 0, "search_path"},
		{"/* x */ SeT -- y\n \"DateStyle\" TO iso", Setting, 0, "datestyle"},
		{"set local search_path = a", LocalSetting, 0, ""},
		{"set local to 3", Setting, 0, "local"},
		{"set session = 3", Setting, 0, "session"},
		{"set app.tenant = 'x'; set \"App\".\"B\" = 1", Setting, 0, "app.tenant app.b"},
		{"set time zone 'UTC'", Setting, 0, "timezone"},
		{"set session time zone local", Setting, 0, "timezone"},
		{"set names 'utf8'", Setting, 0, "client_encoding"},
		{"set schema 'x'", Setting, 0, "search_path"},
		{"set xml option document", Setting, 0, "xmloption"},
		{"set transaction read only", nothing, 0, ""},
		{"set constraints all deferred", nothing, 0, ""},
		{"set session characteristics as transaction read only", Setting, 0,
			"default_transaction_isolation default_transaction_read_only default_transaction_deferrable"},
		{"set role x", Role, 0, ""},
		{"set session role x", Role, 0, ""},
		{"set session authorization x", Role, 0, ""},
		{"reset session authorization", Role, 0, ""},
		{"reset role", Role, 0, ""},
		{"set role = 'x'", Role, 0, ""},
		{"set seed = 0.1", nothing, 0, ""},
		{"set work_mem to default", Setting | Reset, 0, "work_mem"},
		{"set work_mem = default", Setting | Reset, 0, "work_mem"},
		{"reset work_mem", Setting | Reset, 0, "work_mem"},
		{"reset time zone", Setting | Reset, 0, "timezone"},
		{"reset all", AllSettings, 0, ""},
		{"discard all", AllSettings, ended, ""},
		{"discard temp", nothing, Temporary, ""},
		{"discard plans", nothing, 0, ""},
		{"select set_config('TimeZone', 'UTC', false)", Setting, 0, "timezone"},
		{"select pg_catalog.set_config('a.b', $1, false)", Setting, 0, "a.b"},
		{"select \"set_config\" ( 'it''s' , (select x from y) , 'f')", Setting, 0, "it's"},
		{"select set_config($1, 'x', false)", UnknownSetting, 0, ""},
		{"select set_config('a'||'b', 'x', false)", UnknownSetting, 0, ""},
		{"select set_config('a', f(1, true, 2), true)", LocalSetting, 0, ""},
		{"select set_config('a', 'b', true and x)", Setting, 0, "a"},
		{"with x as (select set_config('a', 'b', false)) insert into t select 1", Setting, 0, "a"},
		{"select 'set_config(''a'',''b'',false)'", nothing, 0, ""},
		{"select $$ set_config('a','b',false) $$", nothing, 0, ""},
		{"listen x", Listen, 0, ""},
		{"unlisten *", nothing, Listen, ""},
		{"notify x", nothing, 0, ""},
		{"select pg_advisory_lock(1)", AdvisoryLock, 0, ""},
		{"select PG_TRY_ADVISORY_LOCK_SHARED(1)", AdvisoryLock, 0, ""},
		{"select pg_advisory_unlock_all()", AdvisoryLock, 0, ""},
		{"select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)", nothing, 0, ""},
		{"create temp table x ()", Temporary, 0, ""},
		{"select 1 into temporary x", Temporary, 0, ""},
		{"insert into x select 1", nothing, 0, ""},
		{"drop table x", nothing, Temporary, ""},
		{"select * from pg_temp.x", Temporary, 0, ""},
		{"declare c cursor with hold for select 1", HoldCursor, 0, ""},
		{"declare c cursor without hold for select 1", nothing, 0, ""},
		{"close all", nothing, HoldCursor, ""},
		{"prepare x as select 1", Prepared, 0, ""},
		{"prepare x as select set_config('a', 'b', false)", Prepared | Other | Setting, 0, "a"},
		{"prepare transaction 'x'", nothing, 0, ""},
		{"deallocate all", nothing, Prepared, ""},
		{"deallocate prepare x", nothing, Prepared, ""},
		{"load 'x'", Library, 0, ""},
		{"do $$ begin end $$", Opaque, 0, ""},
		{"call f()", Opaque, 0, ""},
		{"select dblink_connect('a', 'b')", Other, 0, ""},
		{"update t set search_path = 1", nothing, 0, ""},
		{"alter role r set search_path = a", nothing, 0, ""},
		{"begin; set x.y = 1; commit", Setting, 0, "x.y"},
		{`select 'a\'; set a.b = 1 --'`, Setting, 0, "a.b"}, // ambiguous: both readings count
		{`select E'\'; set a.b = 1 --'`, nothing, 0, ""},
	} {
		s := Scan([]byte(test.text + "\x00"))
		if s.Changes != test.changes || s.Ends != test.ends || strings.Join(s.Settings, " ") != test.settings {
			t.Errorf("%s: changes %v, ends %v, settings %q; want %v, %v, %q",
				test.text, s.Changes, s.Ends, s.Settings, test.changes, test.ends, test.settings)
		}
		if whole := test.changes == 0 && test.ends == 0; whole != (s.Changes == 0 && s.Ends == 0) {
			t.Errorf("%s: ordinary is %v", test.text, s.Ordinary())
		}
		if cut := Scan([]byte(test.text)); !cut.Truncated || cut.Ordinary() {
			t.Errorf("%s: not truncated without its zero byte", test.text)
		}
	}
}

func TestNamesAndDatabases(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"deallocate Foo":         "foo",
		"deallocate \"Fo\"\"o\"": `Fo"o`,
		"execute a(1); explain analyze execute b; select 1": "a b",
		"create table x as execute c":                       "c",
		"deallocate all":                                    "",
	} {
		s := Scan([]byte(text + "\x00"))
		var names []string
		for _, n := range s.Names {
			names = append(names, n.Name)
			if n.Offset+n.Length > len(text) {
				t.Errorf("%s: %+v lies outside", text, n)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: names %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string][]string{
		"drop database if exists \"A b\"":                 {"A b"},
		"drop database x with (force)":                    {"x"},
		"create database y":                               nil,
		"create database y owner z template = x":          {"x"},
		"alter database x rename to y":                    {"x"},
		"alter database x set search_path = a":            nil,
		"alter database x set tablespace a; drop table y": {"x"},
	} {
		if got := Scan([]byte(text + "\x00")).Databases; !slices.Equal(got, want) {
			t.Errorf("%s: databases %q, want %q", text, got, want)
		}
	}
	single := Scan([]byte("deallocate x\x00"))
	double := Scan([]byte("deallocate x; select 1\x00"))
	if single.Deallocated() != "x" || double.Deallocated() != "" {
		t.Errorf("deallocated %q and %q", single.Deallocated(), double.Deallocated())
	}
}

var ordinary = []byte("select abalance from pgbench_accounts where aid = 4711 and 1=1;\x00")

// Not parallel: allocations of others would be counted.
func TestScanDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Scan(ordinary) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkScan(b *testing.B) {
	b.SetBytes(int64(len(ordinary)))
	b.ReportAllocs()
	for b.Loop() {
		Scan(ordinary)
	}
}

// FuzzScan: no text makes it fail, and a text does no less than its beginning
// that ends between two statements.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		"select 1; alter role r", "/* /* */ */ -- x\n;", "'it''s' E'\\'' \"a\"\"b\" $$ $ $$ $a$ $$ $a$", "$1$2 1$x$ $x", "e'", "'", "\"",
		"set a.b to 'c', d; reset all", "select set_config('a', 'b', false)", "create temp table x ()", "a\x00b", "\xff\xfe'\\", "deallocate",
		"drop database if", "create database x template", "set", "reset", "discard", "declare c cursor with", "select set_config(", "u&'", "$\xff",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := Scan(text)
		for _, n := range s.Names {
			if n.Offset < 0 || n.Offset+n.Length > len(text) {
				t.Fatalf("%+v lies outside %q", n, text)
			}
		}
		more := Scan(append([]byte("listen x; "), text...))
		if more.Changes&Listen == 0 || more.Changes&s.Changes != s.Changes {
			t.Fatalf("%q changes %v, behind another statement %v", text, s.Changes, more.Changes)
		}
	})
}
