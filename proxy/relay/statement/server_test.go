package statement

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy/pgtest"
)

// snapshot is what a session's state is at the server: a line for each thing.
const snapshot = `CREATE TABLE kept (a text); INSERT INTO kept VALUES ('x'); GRANT ALL ON kept TO app; GRANT ALL ON SCHEMA public TO app;
CREATE FUNCTION public.kept() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.snapshot() RETURNS TABLE (kind text, name text, value text) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
	SELECT 'setting', lower(name), setting || CASE source WHEN 'session' THEN '' ELSE ' by default' END FROM pg_settings WHERE name NOT IN
		('transaction_isolation', 'transaction_read_only', 'transaction_deferrable', 'search_path', 'role', 'session_authorization', 'is_superuser') UNION ALL
	SELECT 'listen', c, '' FROM pg_listening_channels() AS c UNION ALL
	SELECT 'lock', concat_ws(' ', classid, objid, objsubid, mode), '' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() UNION ALL
	SELECT 'prepared', name, '' FROM pg_prepared_statements WHERE from_sql UNION ALL
	SELECT 'cursor', name, '' FROM pg_cursors WHERE is_holdable UNION ALL
	SELECT 'temporary', relname, '' FROM pg_class WHERE relnamespace = pg_my_temp_schema() UNION ALL
	SELECT 'temporary', proname, '' FROM pg_proc WHERE pronamespace = pg_my_temp_schema() UNION ALL
	SELECT 'temporary', typname, '' FROM pg_type WHERE typnamespace = pg_my_temp_schema()
$$`

// kindsOfState are the kinds in a snapshot.
var kindsOfState = map[string]Change{"setting": Setting, "listen": Listen, "lock": AdvisoryLock, "prepared": Prepared,
	"cursor": HoldCursor, "temporary": Temporary, "role": Role}

type state map[[2]string]string // by kind and name

// TestAgainstServer runs random statements and compares what has become of the
// session with what Scan says of their text: it may say more, but misses nothing.
// Promises: F98.
func TestAgainstServer(t *testing.T) {
	t.Parallel()
	rounds := 500
	if n, err := strconv.Atoi(os.Getenv("POSTERN_TEST_ROUNDS")); err == nil {
		rounds = n
	}
	seed := rand.Uint64()
	if n, err := strconv.ParseUint(os.Getenv("POSTERN_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("POSTERN_TEST_SEED=%d POSTERN_TEST_ROUNDS=%d", seed, rounds)
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major})
		pg.Exec(t, snapshot)
		conn, err := pgconn.Connect(t.Context(), pg.DSN("postgres", "app"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		c := comparison{T: t, conn: conn, random: random{rand.New(rand.NewPCG(seed, uint64(major)))}, seen: map[string]int{}}
		for range rounds {
			c.round()
		}
		t.Logf("PostgreSQL %d: %d rounds, %d valid, %d changed nothing, of which %d are asked about; changes seen: %v",
			major, rounds, c.valid, c.unchanged, c.asked, c.seen)
		if rounds >= 500 {
			for kind := range kindsOfState {
				if c.seen[kind] == 0 {
					t.Errorf("no statement changed the kind of state %q", kind)
				}
			}
		}
	})
}

type comparison struct {
	*testing.T
	random
	conn                    *pgconn.PgConn
	valid, unchanged, asked int
	seen                    map[string]int
}

// round compares one text.
func (c *comparison) round() {
	c.run("ROLLBACK")
	c.run("RESET SESSION AUTHORIZATION")
	if err := c.run("DISCARD ALL"); err != nil {
		c.Fatal(err)
	}
	c.run("DROP TABLE IF EXISTS public.t4, public.t6, public.t11")
	var setUp []string
	for c.chance(50) {
		s := c.of("SET standard_conforming_strings = off", "SET client_encoding = SJIS", "SET client_encoding = GBK", "LISTEN a", "SELECT pg_advisory_lock(1)",
			"PREPARE p AS SELECT 1", "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT", "CREATE TEMP TABLE t ()", "SET ROLE app",
			"SET SESSION AUTHORIZATION app", "SET search_path = pg_temp", "SET work_mem = '7MB'", "SET app.tenant = 'z'", "SET timezone = 'CET'")
		c.run(s)
		setUp = append(setUp, s)
	}
	c.run("ROLLBACK") // if one of them failed in its transaction
	before := c.state()
	if c.chance(20) {
		c.run("BEGIN")
		setUp = append(setUp, "BEGIN")
	}
	text := c.text()
	summary := Scan([]byte(text + "\x00"))
	err := c.run(text)
	if c.conn.IsClosed() {
		c.Fatalf("%q ended the connection: %v", text, err)
	}
	if err == nil {
		c.valid++
	}
	c.run(c.of("COMMIT", "COMMIT", "ROLLBACK")) // if a transaction was begun
	after := c.state()
	var missed []string
	changed := false
	for _, key := range keys(before, after) {
		was, had := before[key]
		is, has := after[key]
		if had == has && was == is {
			continue
		}
		changed = true
		c.seen[key[0]]++
		if !known(&summary, key, !had, was, is) {
			missed = append(missed, fmt.Sprintf("%s %s: %q becomes %q", key[0], key[1], was, is))
		}
	}
	if missed != nil {
		c.Errorf("after %q\n%q\nmissed: %s\nerror %v; changes %v, ends %v, settings %q", setUp, text, strings.Join(missed, ", "),
			err, summary.Changes, summary.Ends, summary.Settings)
	}
	if !changed {
		c.unchanged++
		if summary.Changes != 0 {
			c.asked++
		}
	}
}

// known reports whether a summary covers a change: one that made something, or
// one that ended or replaced it.
func known(s *Summary, key [2]string, made bool, was, is string) bool {
	kind := kindsOfState[key[0]]
	if kind != Setting {
		return s.Changes&kind != 0 || !made && s.Ends&kind != 0
	}
	const byDefault = " by default"
	reset := strings.HasSuffix(is, byDefault) && !strings.HasSuffix(was, byDefault)
	return s.Changes&(UnknownSetting|AllSettings) != 0 || slices.Contains(s.Settings, key[1]) && (!reset || s.Changes&Reset != 0)
}

func keys(before, after state) [][2]string {
	all := maps.Clone(before)
	maps.Copy(all, after)
	return slices.Collect(maps.Keys(all))
}

func (c *comparison) run(sql string) error {
	_, err := c.conn.Exec(c.Context(), sql).ReadAll()
	return err
}

// state asks the server.
func (c *comparison) state() state {
	var custom strings.Builder
	for name := range settingValues {
		if strings.Contains(name, ".") || name == "search_path" {
			escaped := strings.ReplaceAll(name, "é", `\00e9`)
			fmt.Fprintf(&custom, " UNION ALL SELECT 'setting', '%s', pg_catalog.current_setting(%s, true)", strings.ReplaceAll(name, "é", "?"), unicodeConstant(escaped))
		}
	}
	query := "SELECT kind, name, value FROM public.snapshot() UNION ALL SELECT 'role', 'role', pg_catalog.current_setting('role')" +
		" UNION ALL SELECT 'role', 'session_user', SESSION_USER" + custom.String()
	results, err := c.conn.Exec(c.Context(), query).ReadAll()
	var failed *pgconn.PgError
	if errors.As(err, &failed) && failed.Code == "57014" {
		c.Skip("a random statement_timeout is too short for the question itself")
	}
	if err != nil {
		c.Fatalf("%s: %v", query, err)
	}
	found := state{}
	for _, row := range results[0].Rows {
		if value := string(row[2]); value != "" || string(row[0]) != "setting" {
			found[[2]string{string(row[0]), strings.ReplaceAll(string(row[1]), "?", "é")}] = value
		}
	}
	return found
}

// unicodeConstant is chr(233) where U&'…' cannot stand, since
// standard_conforming_strings may be off.
func unicodeConstant(escaped string) string {
	return "'" + strings.ReplaceAll(escaped, `\00e9`, "' || pg_catalog.chr(233) || '") + "'"
}
