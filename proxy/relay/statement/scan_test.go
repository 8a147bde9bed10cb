package statement

import (
	"slices"
	"strings"
	"testing"
)

// scan scans a text that is whole.
func scan(text string) Summary { return Scan([]byte(text + "\x00 more ; set a.b = 1")) }

// TestChanges: what of the session's state is changed and what can have been ended.
// Promises: F98, F105.
func TestChanges(t *testing.T) {
	t.Parallel()
	type kinds struct{ changes, ends Change }
	var nothing kinds
	for text, want := range map[string]kinds{
		"": nothing, ";": nothing, " ; /* a */ ; -- b": nothing,
		"select 1": nothing, "table t": nothing, "values (1)": nothing,
		"with a as (select 1) select * from a":                      nothing,
		"insert into t select 1":                                    nothing,
		"insert/**/into t default values":                           nothing,
		"with a as (insert into t select 1) select 1":               nothing,
		"merge into t using u on true when matched then do nothing": nothing,
		"update t set search_path = 1, role = 2":                    nothing,
		"delete from t":                                             nothing,
		"begin":                                                     nothing, "commit": nothing, "rollback to a": nothing, "release a": nothing,
		"explain select 1": nothing,
		"explain (analyze, verbose) insert into t select 1": nothing,
		"copy t from stdin": nothing,
		"fetch all c":       nothing,
		"notify x":          nothing,
		"vacuum":            nothing, "show all": nothing, "lock t": nothing, "truncate t": nothing,
		"alter table t set (fillfactor = 10)":  nothing,
		"alter role r set search_path = a":     nothing,
		"alter database d set search_path = a": nothing,
		"alter system set work_mem = 1":        nothing,
		"create role r":                        nothing, "create user u": nothing, "create database d": nothing, "drop role r": nothing,
		"select * from pg_settings":                     nothing,
		"select * from pg_settings for update":          nothing,
		"update t set a = 1; select * from pg_settings": nothing,
		"\"set\" role x":                                nothing, "1 set role x": nothing, "setrole": nothing, "set_ role x": nothing,

		"select 'set role x'":     nothing,
		"select $$; listen x; $$": nothing,
		`select "; listen x"`:     nothing,
		"select 1 -- ; listen x":  nothing,
		"/* listen x":             nothing, "'; listen x": nothing, "listen x '": nothing, // errors

		"listen x":                               {Listen, 0},
		"/* x /* y */ */ LiStEn -- z\nx":         {Listen, 0},
		"select 1; listen x":                     {Listen, 0},
		";;;listen x;":                           {Listen, 0},
		"select '\\'; listen x":                  {Listen, 0},
		"select '\\''; listen x":                 {Listen, 0},
		"select 'a\\'; listen x --'":             {Listen, 0},
		"select E'\x83\x5c'; listen x":           {Listen, 0},
		"select E'\x83\x5c''; listen x":          {Listen, 0},
		"select 'it\\'s', E'\x83\x5c'; listen x": {Listen, 0},
		"select E'a'\n'\\''; listen x":           {Listen, 0},
		"select E'\\'; listen x'":                nothing,
		"unlisten *":                             {0, Listen},
		"listen a; unlisten b":                   {Listen, Listen},

		"create temp table t ()":                                  {Temporary, 0},
		"create or replace temporary view v as table t":           {Temporary, 0},
		"create local temp sequence s":                            {Temporary, 0},
		"create global temporary table t ()":                      {Temporary, 0},
		"create table pg_temp.t ()":                               {Temporary, 0},
		"create function pg_temp.f() returns int":                 {Temporary, 0},
		"create table t ()":                                       {Temporary, 0}, // search_path may begin with pg_temp
		"create type t as ()":                                     {Temporary, 0},
		"select 1 into temp t":                                    {Temporary, 0},
		"select 1 into t":                                         {Temporary, 0},
		"(select 1 into temporary t)":                             {Temporary, 0},
		"with a as (select 1) select * into temp t from a":        {Temporary, 0},
		"with a as (insert into t select 1) select 1 into temp b": {Temporary, 0},
		"explain analyze select 1 into temp t":                    {Temporary, 0},
		"explain analyze create temp table t as select 1":         {Temporary, 0},
		"explain (analyze, costs off) create table t as select 1": {Temporary, 0},
		"drop table t":                                            {0, Temporary},
		"drop owned by r":                                         {0, Temporary},
		"discard temp":                                            {0, Temporary},
		"discard temporary":                                       {0, Temporary},
		"discard plans":                                           nothing, "discard sequences": nothing,

		"select pg_advisory_lock(1)":                                           {AdvisoryLock, 0},
		"select pg_advisory_lock_shared(1)":                                    {AdvisoryLock, 0},
		"select Pg_Try_Advisory_Lock(1)":                                       {AdvisoryLock, 0},
		"select pg_try_advisory_lock_shared(1)":                                {AdvisoryLock, 0},
		"select pg_catalog . pg_advisory_lock (1)":                             {AdvisoryLock, 0},
		`select "pg_catalog"."pg_advisory_lock"(1)`:                            {AdvisoryLock, 0},
		`select "PG_ADVISORY_LOCK"(1)`:                                         nothing,
		`select u&"pg\005Fadvisory\+00005flock"(1)`:                            {AdvisoryLock, 0},
		`select u&"pg!005fadvisory_lock" uescape '!' (1)`:                      {AdvisoryLock, 0},
		`select u&"pg!005fadvisory_lock" /**/ UESCAPE $$!$$(1)`:                {AdvisoryLock, 0},
		`select u&"pg!005fadvisory_lock" uescape e'\x21' (1)`:                  {Other, 0},
		`select u&"pg_\00e9"`:                                                  nothing,
		"insert into t select pg_advisory_lock(1)":                             {AdvisoryLock, 0},
		"explain (analyze) (select pg_advisory_lock(1))":                       {AdvisoryLock, 0},
		"explain (select pg_advisory_lock(1)) union select 1":                  {AdvisoryLock, 0},
		"declare c cursor for select pg_advisory_lock(1)":                      {AdvisoryLock, 0},
		"copy (select pg_advisory_lock(1)) to stdout":                          {AdvisoryLock, 0},
		"select 1pg_advisory_lock(1)":                                          {AdvisoryLock, 0},
		"select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(1)": nothing,
		"select 'pg_advisory_lock(1)'":                                         nothing,
		"select pg_advisory_unlock(1)":                                         {0, AdvisoryLock},
		"select pg_advisory_unlock_shared(1)":                                  {0, AdvisoryLock},
		"select pg_advisory_unlock_all()":                                      {0, AdvisoryLock},

		"declare c cursor with hold for select 1":                                   {HoldCursor, 0},
		"declare c binary insensitive no scroll cursor with /**/ hold for select 1": {HoldCursor, 0},
		"declare \"with\" cursor without hold for select 1":                         nothing,
		"declare c cursor for with hold as (select 1) table hold":                   nothing,
		"close c":   {0, HoldCursor},
		"close all": {0, HoldCursor},

		"prepare p as select 1":                           {Prepared, 0},
		"prepare p (int) as select $1":                    {Prepared, 0},
		"prepare transaction 'x'":                         nothing,
		"prepare transaction $$x$$":                       nothing,
		"prepare transaction as select 1":                 {Prepared, 0},
		"prepare transaction(int) as select 1":            {Prepared, 0},
		`prepare "transaction" as select 1`:               {Prepared, 0},
		"prepare p as select pg_advisory_lock(1)":         {Prepared | AdvisoryLock | Other, 0},
		"prepare p as select set_config('a.b', $1, true)": {Prepared | LocalSetting, 0},
		"listen x; prepare p as select 1":                 {Listen | Prepared, 0},
		"deallocate p":                                    {0, Prepared},
		"deallocate prepare all":                          {0, Prepared},
		"execute p(1)":                                    nothing,

		"set role x": {Role, 0}, "set session role x": {Role, 0}, "set role to x": {Role, 0}, "set role = 'x'": {Role, 0},
		"set Role none":                             {Role, 0},
		`set "role" = x`:                            {Role, 0},
		"set session authorization x":               {Role, 0},
		"set session session authorization default": {Role, 0},
		"set session_authorization = x":             {Role, 0},
		"select set_config('role', 'x', false)":     {Role, 0},
		"reset session authorization":               {Role, 0},
		"reset session_authorization":               {Role, 0},
		"reset role":                                {0, Role},
		"reset role;":                               {0, Role},
		"set local role x":                          {LocalSetting, 0},
		"set local session authorization x":         {LocalSetting, 0},

		"load 'x'": {Library, 0},
		"do $$ begin perform pg_advisory_lock(1); end $$": {Opaque, 0},
		"call f()":                                                  {Opaque, 0},
		"select dblink_connect('a')":                                {Other, 0},
		"select dblink_connect_u('a', 'b')":                         {Other, 0},
		"select dblink('a', 'b')":                                   nothing,
		"select pg_replication_origin_session_setup('a')":           {Other, 0},
		"select pg_create_logical_replication_slot('a', 'b', true)": {Other, 0},
		"select pg_backup_start('a')":                               {Other, 0},

		"reset all":   {AllSettings, 0},
		"discard all": {AllSettings, ended},

		"update pg_settings set setting = 'x' where name = 'y'":         {UnknownSetting, 0},
		"update only pg_catalog.pg_settings set setting = 'x'":          {UnknownSetting, 0},
		"with a as (update \"pg_settings\" set setting = 'x') select 1": {UnknownSetting, 0},
		"set u&\"w\\\" = 1":                       {UnknownSetting, 0},
		"set " + strings.Repeat("x", 64) + " = 1": {UnknownSetting, 0},
	} {
		s := scan(text)
		if got := (kinds{s.Changes, s.Ends}); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if got, want := s.Ordinary(), want == nothing && s.Effects == 0 && s.Databases == nil; got != want {
			t.Errorf("%s: ordinary is %v", text, got)
		}
	}
}

func TestEffects(t *testing.T) {
	t.Parallel()
	const both = Roles | Logins
	for text, want := range map[string]Effects{
		"alter role app password 'x'": both, "ALTER USER app SET search_path = a": both, "Alter Group g Add User u": both,
		"create role r": both, "create user u": both, "create group g": both, "drop role r": both, "drop user if exists u": both,
		"create database d": Logins, "alter database d set datestyle = iso": Logins, "drop database d": Logins,
		"alter system set x = 1": Logins, "select pg_reload_conf()": Logins,
		"grant connect on database d to r": Logins, "revoke all on database d from public": Logins,
		"reassign owned by a to b": Logins, "drop owned by a": Logins,
		"create event trigger e on login execute function f()": Logins, "drop event trigger e": Logins,
		"update pg_database set datallowconn = false": Logins, "update pg_catalog.pg_authid set rolcanlogin = true": both,
		"commit": Commits, "end": Commits, "commit and chain": Commits, "commit prepared 'x'": Commits, "prepare transaction 'x'": Commits,
		"/* a comment */ alter -- and another\n/* /* nested */*/role r": both,
		"select 1; alter role r; select 2":                              both,
		"select 1;grant a to b; commit":                                 Logins | Commits,
		"select $a$ $$ ; $b$ $a$; alter role r":                         both,
		`select E'it\'s'; alter role r`:                                 both,
		`select '\'; alter role r`:                                      both,
		`select 'it\'s'; alter role r`:                                  both,

		"": 0, "-- alter role r": 0, "/* alter role r": 0, "select 'alter role r'": 0, "select '; alter role r'": 0,
		"do $$ begin alter role r; end $$":  0, // cannot be seen, as is documented
		"alter table role add column a int": 0, "alter default privileges": 0, "create table alter_role ()": 0,
		"\"alter\" role r": 0, "(alter role r)": 0, "1; 2": 0, "alter": 0, "explain alter role r": 0, "set role r": 0,
		"alterrole r": 0, "alter_ role r": 0, "rollback": 0, "prepare p as select 1": 0, "select * from pg_database": 0,
	} {
		if got := scan(text).Effects; got != want {
			t.Errorf("%s: effects %b, want %b", text, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"deallocate Foo": "Foo=foo", "deallocate prepare foo": "foo=foo", "deallocate \"Fo\"\"o\"": `"Fo""o"=Fo"o`,
		"deallocate prepare": "prepare=prepare", "deallocate prepare;": "prepare=prepare", `deallocate "all"`: `"all"=all`,
		"deallocate prepare prepare": "prepare=prepare",
		"deallocate all":             "", "deallocate prepare all": "", "deallocate": "", "deallocate 1": "",
		"execute a(1); explain analyze execute B; select 1":                    "a=a B=b",
		"explain (analyze, costs off) execute b(2)":                            "b=b",
		"explain analyse verbose execute b":                                    "b=b",
		"execute u&\"\\0061\"":                                                 `u&"\0061"=a`,
		"execute u&\"!0061\" uescape '!' (1)":                                  `u&"!0061" uescape '!'=a`,
		"create table t as execute c(1)":                                       "c=c",
		"create temp table if not exists t (a, b) on commit drop as execute c": "c=c",
		"explain analyze create unlogged table t as execute c":                 "c=c",
		"create table t as select a as execute from b":                         "",
		"create table t as select a as execute, b as execute":                  "",
		"create table t (a int generated always as (1) stored)":                "",
		"create trigger t after insert on u execute function f()":              "",
		"create function execute() returns int as execute":                     "",
		"explain execute":  "",
		"select execute a": "", "prepare a as select 1": "", "close a": "",
		// Where it depends on the reading it is not to be touched.
		`select 'a\'; execute b --'`:             "",
		`select 'a\''; execute b; select '' --'`: "",
		`execute a('it\'s')`:                     "a=a",
	} {
		var got []string
		for _, n := range scan(text).Names {
			got = append(got, text[n.Offset:n.Offset+n.Length]+"="+n.Name)
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: names %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"deallocate x": "x", "deallocate prepare X;": "x", "deallocate x; select 1": "", "execute x": "", "deallocate all": "",
		"close c; execute x": "",
	} {
		if s := scan(text); s.Deallocated() != want {
			t.Errorf("%s: deallocated %q, want %q", text, s.Deallocated(), want)
		}
	}
}

// Promises: K8.
func TestDatabases(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"drop database if exists \"A b\"": {"A b"},
		"drop database X with (force)":    {"x"},
		"drop database if":                {"if"},
		"create database y":               {"template1"},
		"create database y template = X":  {"x"},
		"create database y with owner = z template 'Tem''p' encoding 'UTF8'": {"Tem'p"},
		"create database y template default":                                 {"template1"},
		"create database template":                                           {"template1"},
		"create database y owner template template x":                        {"template", "x"},
		`create database y template u&"\0061"`:                               {"a"},
		"alter database x rename to y":                                       {"x"},
		"alter database x set tablespace a; drop table y":                    {"x"},
		"alter database x set search_path = a":                               nil,
		"alter database x owner to rename":                                   nil,
		"drop table database":                                                nil,
		"select 'drop database x'":                                           nil,
		"drop database a; drop database b":                                   {"a", "b"},
	} {
		if got := scan(text).Databases; !slices.Equal(got, want) {
			t.Errorf("%s: databases %q, want %q", text, got, want)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	type flags struct {
		statements                int
		control, begin            bool
		deallocateAll, discardAll bool
	}
	for text, want := range map[string]flags{
		"": {}, " ;; -- a\n": {}, "/* */": {},
		"/*": {statements: 1}, "'": {statements: 1}, // errors, not empty queries
		"select 1": {statements: 1}, "select 1;": {statements: 1}, ";select 1;;select 2": {statements: 2}, "a": {statements: 1}, "(": {statements: 1},
		"begin": {1, true, true, false, false}, "BEGIN ISOLATION LEVEL SERIALIZABLE;": {1, true, true, false, false},
		"/**/start transaction read only ; ;": {1, true, true, false, false},
		"begin; select 1":                     {2, true, false, false, false}, "begin;begin": {2, true, false, false, false},
		"select 1; begin": {2, true, false, false, false},
		"commit":          {1, true, false, false, false}, "end": {1, true, false, false, false}, "rollback": {1, true, false, false, false},
		"abort": {1, true, false, false, false}, "savepoint a": {1, true, false, false, false}, "release a": {1, true, false, false, false},
		"prepare transaction 'x'": {1, true, false, false, false}, "prepare transaction as select 1": {statements: 1},
		"deallocate all": {1, false, false, true, false}, "deallocate prepare all": {1, false, false, true, false},
		"deallocate a": {statements: 1}, `deallocate "all"`: {statements: 1},
		"discard all": {1, false, false, false, true}, "discard plans": {statements: 1},
	} {
		s := scan(text)
		if got := (flags{s.Statements, s.TransactionControl, s.Begin, s.DeallocateAll, s.DiscardAll}); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
		if cut := Scan([]byte(text)); s.Truncated || !cut.Truncated || cut.Ordinary() {
			t.Errorf("%s: truncated is %v, without its zero byte %v", text, s.Truncated, cut.Truncated)
		}
	}
}

func TestChangeString(t *testing.T) {
	t.Parallel()
	for change, want := range map[Change]string{0: "", Setting: "setting", Listen | Other: "listen|other", Reset: "reset"} {
		if got := change.String(); got != want {
			t.Errorf("%b: %q, want %q", change, got, want)
		}
	}
}
