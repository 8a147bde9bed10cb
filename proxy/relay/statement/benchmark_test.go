package statement

import (
	"strings"
	"testing"
)

// ordinary are statements that must cost next to nothing.
var ordinary = []struct{ name, text string }{
	{"select", "select abalance from pgbench_accounts where aid = 4711 limit 1"},
	{"parameters", "SELECT id, name, email FROM users WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL ORDER BY name LIMIT 10"},
	{"quoted", `SELECT "user"."id", "user"."name" FROM "user" WHERE "user"."id" = 42 AND "user"."name" LIKE 'it''s %'`},
	{"insert", "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, 4, CURRENT_TIMESTAMP)"},
	{"update", "UPDATE pgbench_accounts SET abalance = abalance + 17 WHERE aid = 4711"},
	{"begin", "BEGIN"},
	{"commit", "COMMIT"},
	{"string", "INSERT INTO t VALUES ('" + strings.Repeat("x", 4000) + "')"},
	{"backslashes", `INSERT INTO t VALUES ('C:\path\file', E'a\nb')`},
	{"local", "SELECT set_config('search_path', $1, true)"},
}

// Not parallel: allocations of others would be counted.
func TestScanDoesNotAllocate(t *testing.T) {
	for _, o := range ordinary {
		text := []byte(o.text + "\x00")
		if n := testing.AllocsPerRun(100, func() { Scan(text) }); n > 0 && o.name != "local" {
			t.Errorf("%s: %v allocations", o.text, n)
		}
		if s := Scan(text); s.Changes&^LocalSetting != 0 || s.Ends != 0 || s.Effects&^Commits != 0 {
			t.Errorf("%s: %+v", o.text, s)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for _, o := range ordinary {
		text := []byte(o.text + "\x00")
		b.Run(o.name, func(b *testing.B) {
			b.SetBytes(int64(len(o.text)))
			b.ReportAllocs()
			for b.Loop() {
				Scan(text)
			}
		})
	}
}
