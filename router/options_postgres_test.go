package router

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy/pgtest"
)

// TestOptionsAsPostgreSQLReadsThem compares with a real server: the last
// application_name that is found in options is the one that the server has, and
// splitting and joining changes nothing of that.
// Promises: A15.
func TestOptionsAsPostgreSQLReadsThem(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	for _, options := range []string{
		`-c application_name=plain`,
		`-capplication_name=joined`,
		`--application_name=long`,
		`--application-name=dashed`,
		`-c application-name=dashed`,
		`--APPLICATION_name=capitals`,
		`-c application_name=with\ space`,
		`-c application_name=back\\slash\x`,
		`-c application_name="quoted"`,
		"\t-c\n application_name=a\v-c \fapplication_name=last\r",
		`-c application_name=x=y`,
		`-c application_name=`,
		`-c application_name=a-cb+c%20d`,
		`-c application_name=end\`,
		`-c search_path=-c -c application_name=b`,
		`-S 64 -c application_name=b`,
		`-S64 -Pc application_name=b`, // a switch behind another is not looked for
		`-e -f s --application_name=c`,
	} {
		want, found := "", false
		for _, o := range parseOptions(SplitOptions(options)) {
			if o.name == "application_name" {
				want, found = o.value, true
			}
		}
		for _, sent := range []string{options, JoinOptions(SplitOptions(options))} {
			config, err := pgconn.ParseConfig(pg.DSN("app", "app"))
			if err != nil {
				t.Fatal(err)
			}
			config.RuntimeParams = map[string]string{"options": sent}
			conn, err := pgconn.ConnectConfig(t.Context(), config)
			if err != nil {
				t.Errorf("%q is refused: %v", sent, err)
				continue
			}
			got := conn.ParameterStatus("application_name")
			if err := conn.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if found && got != want {
				t.Errorf("%q: the server has application_name %q, found was %q", sent, got, want)
			}
		}
	}
}
