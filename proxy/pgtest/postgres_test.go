package pgtest

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestStart(t *testing.T) {
	t.Parallel()
	EachVersion(t, func(t *testing.T, major int) {
		pg := Start(t, Config{Major: major, TLS: true, Settings: map[string]string{"work_mem": "5MB"}})
		if got := pg.Exec(t, "select current_user, current_setting('work_mem'); select 1 union all select 2"); got != "postgres|5MB\n1\n2" {
			t.Errorf("Exec answers %q", got)
		}
		if got := pg.Exec(t, "show server_version_num"); !strings.HasPrefix(got, strconv.Itoa(major)) {
			t.Errorf("version %s, want %d", got, major)
		}
		conn, err := pgconn.Connect(t.Context(), pg.DSN("app", "app"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())

		plus := pg.TLSTarget("app", "app")
		plus.ChannelBinding = true
		targets := map[string]Target{
			"tcp": pg.Target("app", "app"), "socket": pg.SocketTarget("app", "app"), "superuser": pg.Target("postgres", "app"),
			"TLS": pg.TLSTarget("app", "app"), "SCRAM-SHA-256-PLUS": plus,
		}
		if major >= 17 {
			direct := pg.TLSTarget("app", "app")
			direct.DirectTLS = true
			targets["direct TLS"] = direct
		}
		for name, target := range targets {
			t.Run(name, func(t *testing.T) {
				c := Connect(t, target)
				c.Query("select 1")
				c.Expect(`RowDescription "?column?" table=0 column=0 type=int4 size=4 modifier=-1 text`,
					`DataRow "1"`, `CommandComplete "SELECT 1"`, `ReadyForQuery I`)
				c.Terminate()
				c.Expect("closed")
			})
		}
		wrong := pg.Target("app", "app")
		wrong.Password = "wrong"
		c := Dial(t, wrong)
		answer := c.Startup()
		if e := answer[len(answer)-1].Error(); e.Code != "28P01" {
			t.Errorf("a wrong password is answered with %v", Lines(answer))
		}
	})
}

// What a test leaves is looked for after it has ended.
func TestServerEndsWithItsTest(t *testing.T) {
	t.Parallel()
	var pg *Postgres
	t.Run("start", func(t *testing.T) { pg = Start(t, Config{}) })
	if _, err := os.Stat("/proc/" + strconv.Itoa(pg.PID)); !os.IsNotExist(err) {
		t.Errorf("process %d lives on: %v", pg.PID, err)
	}
	if _, err := os.Stat(pg.SocketDir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", pg.SocketDir, err)
	}
}
