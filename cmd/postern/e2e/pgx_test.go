package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// execModes are the ways in which pgx runs a statement.
var execModes = map[string]pgx.QueryExecMode{
	"cached statement":   pgx.QueryExecModeCacheStatement,
	"cached description": pgx.QueryExecModeCacheDescribe,
	"describe":           pgx.QueryExecModeDescribeExec,
	"exec":               pgx.QueryExecModeExec,
	"simple protocol":    pgx.QueryExecModeSimpleProtocol,
}

// testPgx is the script of the drivers for pgx.
func testPgx(t *testing.T, a *tenant) {
	conn, other := a.connect(t), a.connect(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T, *pgx.Conn, *pgx.Conn)
	}{
		{"prepared", pgxPrepared}, {"transactions", pgxTransactions}, {"copy", pgxCopy},
		{"pipeline", pgxPipeline}, {"cancel", pgxCancel}, {"error", pgxError}, {"notify", pgxNotify},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, conn, other) }) {
			return
		}
	}
	a.suspend(t)
	const count = "select count(*) from pgx"
	var rows int
	if err := conn.QueryRow(t.Context(), count).Scan(&rows); err != nil {
		if err := a.connect(t).QueryRow(t.Context(), count).Scan(&rows); err != nil {
			t.Fatal(err)
		}
	}
	if rows != 20_100 {
		t.Errorf("after a sleep there are %d rows", rows)
	}
}

func pgxPrepared(t *testing.T, conn, _ *pgx.Conn) {
	for name, mode := range execModes {
		for i := range 5 {
			var twice int
			var text string
			err := conn.QueryRow(t.Context(), "select $1::int * 2, $2::text", mode, i, "row").Scan(&twice, &text)
			if err != nil || twice != 2*i || text != "row" {
				t.Errorf("%s: %d %q %v", name, twice, text, err)
			}
		}
	}
	if _, err := conn.Prepare(t.Context(), "thrice", "select $1::int * 3"); err != nil {
		t.Fatal(err)
	}
	var thrice int
	if err := conn.QueryRow(t.Context(), "thrice", 14).Scan(&thrice); err != nil || thrice != 42 {
		t.Errorf("%d %v", thrice, err)
	}
	if err := conn.DeallocateAll(t.Context()); err != nil {
		t.Error(err)
	}
}

func pgxTransactions(t *testing.T, conn, other *pgx.Conn) {
	for i, commit := range []bool{true, false} {
		tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.Serializable})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "create table if not exists pgx(i int primary key, t text)"); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "insert into pgx select $1::int * 1000000 + i from generate_series(1, 100) i", i); err != nil {
			t.Fatal(err)
		}
		nested, err := tx.Begin(t.Context()) // a savepoint
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nested.Exec(t.Context(), "select 1/0"); codeOf(err) != "22012" {
			t.Error(err)
		}
		if err := nested.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
		if commit {
			err = tx.Commit(t.Context())
		} else {
			err = tx.Rollback(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
		if count := text(t, other, "select count(*) from pgx"); count != "100" {
			t.Errorf("%s rows", count)
		}
	}
}

func pgxCopy(t *testing.T, conn, _ *pgx.Conn) {
	rows := pgx.CopyFromSlice(20_000, func(i int) ([]any, error) { return []any{1000 + i, strings.Repeat("x", i%100)}, nil })
	if n, err := conn.CopyFrom(t.Context(), pgx.Identifier{"pgx"}, []string{"i", "t"}, rows); n != 20_000 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	var out strings.Builder
	tag, err := conn.PgConn().CopyTo(t.Context(), &out, "copy (select i from pgx where i >= 1000 order by i) to stdout")
	if err != nil || tag.RowsAffected() != 20_000 || !strings.HasPrefix(out.String(), "1000\n1001\n") {
		t.Errorf("%v %v", tag, err)
	}
	broken := errors.New("the source is broken")
	_, err = conn.CopyFrom(t.Context(), pgx.Identifier{"pgx"}, []string{"i"},
		pgx.CopyFromFunc(func() ([]any, error) { return nil, broken }))
	if err == nil {
		t.Error("a copy that was given up succeeds")
	}
	if count := text(t, conn, "select count(*) from pgx"); count != "20100" {
		t.Errorf("%s rows", count)
	}
}

func pgxPipeline(t *testing.T, conn, _ *pgx.Conn) {
	batch := &pgx.Batch{}
	var got []int
	for i := range 100 {
		batch.Queue("select $1::int", i).QueryRow(func(row pgx.Row) error {
			var value int
			err := row.Scan(&value)
			got = append(got, value)
			return err
		})
	}
	if err := conn.SendBatch(t.Context(), batch).Close(); err != nil || len(got) != 100 || !slices.IsSorted(got) {
		t.Errorf("%v %v", got, err)
	}
	failing := &pgx.Batch{}
	failing.Queue("insert into pgx values (-1)")
	failing.Queue("select 1/$1::int", 0)
	failing.Queue("insert into pgx values (-2)")
	if err := conn.SendBatch(t.Context(), failing).Close(); codeOf(err) != "22012" {
		t.Error(err)
	}
	if count := text(t, conn, "select count(*) from pgx where i < 0"); count != "0" {
		t.Errorf("a batch with an error has left %s rows", count)
	}
}

func pgxCancel(t *testing.T, conn, other *pgx.Conn) {
	cancelled := make(chan error, 1)
	go func() {
		for running := 0; running == 0; {
			const sql = "select count(*) from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'"
			if err := other.QueryRow(t.Context(), sql).Scan(&running); err != nil {
				cancelled <- err
				return
			}
		}
		cancelled <- conn.PgConn().CancelRequest(t.Context())
	}()
	if _, err := conn.Exec(t.Context(), "select pg_sleep(60)"); codeOf(err) != "57014" {
		t.Error(err)
	}
	if err := <-cancelled; err != nil {
		t.Error(err)
	}
	if answer := text(t, conn, "select 42"); answer != "42" {
		t.Error(answer)
	}
}

func pgxError(t *testing.T, conn, _ *pgx.Conn) {
	for name, mode := range execModes {
		_, err := conn.Exec(t.Context(), "insert into pgx values ($1)", mode, 1)
		var duplicate *pgconn.PgError
		if !errors.As(err, &duplicate) || duplicate.Code != "23505" || duplicate.ConstraintName != "pgx_pkey" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if answer := text(t, conn, "select 42"); answer != "42" {
		t.Error(answer)
	}
}

func pgxNotify(t *testing.T, conn, other *pgx.Conn) {
	if _, err := conn.Exec(t.Context(), "listen news"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "select pg_notify('news', $1)", "hello"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	news, err := conn.WaitForNotification(ctx)
	if err != nil || news.Channel != "news" || news.Payload != "hello" {
		t.Errorf("%+v %v", news, err)
	}
	if _, err := conn.Exec(t.Context(), "unlisten *"); err != nil {
		t.Error(err)
	}
}
