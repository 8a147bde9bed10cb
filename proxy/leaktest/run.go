package leaktest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// tenant is a Tenant and the settings that its sessions begin with.
type tenant struct {
	Tenant
	defaults map[string]string
}

// Run makes what the test needs in each tenant's database, runs the clients and
// reports what they have found. The error is about the preparation, or that ctx
// was cancelled; violations are in the report.
func Run(ctx context.Context, config Config) (Report, error) {
	if len(config.Tenants) == 0 {
		return Report{}, errors.New("run leak test: no tenants")
	}
	if config.Seed == 0 {
		config.Seed = rand.Uint64()
	}
	tenants := make([]*tenant, len(config.Tenants))
	for i, t := range config.Tenants {
		defaults, err := prepare(ctx, t)
		if err != nil {
			return Report{}, fmt.Errorf("prepare tenant %s: %w", t.Name, err)
		}
		tenants[i] = &tenant{Tenant: t, defaults: defaults}
	}
	results, begun := newLedger(config.Seed), time.Now()
	over, cancel := context.WithTimeout(ctx, config.duration())
	defer cancel()
	var clients sync.WaitGroup
	for number := 1; number <= config.clients(); number++ {
		if config.Only != 0 && config.Only != number {
			continue
		}
		c := newClient(ctx, &config, number, tenants[(number-1)%len(tenants)], results)
		clients.Go(func() { c.run(over.Done()) })
	}
	clients.Wait()
	results.report.Elapsed = time.Since(begun)
	return results.report, ctx.Err()
}

// prepare makes what the test reads and writes in a tenant's database, if it is
// not there, and learns the settings that a new session has.
func prepare(ctx context.Context, t Tenant) (map[string]string, error) {
	conn, err := pgconn.Connect(ctx, t.DSN)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	statements := []string{
		"begin",
		"set local client_min_messages to error",
		"create schema if not exists leak",
		"create table if not exists leak.marker (name text)",
		"truncate leak.marker",
		"insert into leak.marker values (" + quote(t.Name) + ")",
		"create unlogged table if not exists leak.rows (word text, n int)",
		"create index if not exists leak_rows_word on leak.rows (word)",
		"truncate leak.rows",
		functionDefinition,
	}
	for _, schema := range []string{"leak_a", "leak_b", "public"} {
		statements = append(statements,
			"create schema if not exists "+schema,
			"create table if not exists "+schema+".leak_place (place text)",
			"truncate "+schema+".leak_place",
			"insert into "+schema+".leak_place values ("+quote(schema)+")")
	}
	statements = append(statements,
		"grant usage on schema leak, leak_a, leak_b, public to public",
		"grant all on all tables in schema leak, leak_a, leak_b to public",
		"grant all on public.leak_place to public",
		"commit")
	if _, err := conn.Exec(ctx, strings.Join(statements, ";\n")).ReadAll(); err != nil {
		return nil, err
	}
	return readDefaults(ctx, conn)
}

func readDefaults(ctx context.Context, conn *pgconn.PgConn) (map[string]string, error) {
	defaults := map[string]string{functionSetting: ""}
	for _, setting := range settings {
		sql := "select coalesce(current_setting(" + quote(setting.name) + ", true), '')"
		results, err := conn.Exec(ctx, sql).ReadAll()
		if err != nil {
			return nil, err
		}
		defaults[setting.name] = string(results[0].Rows[0][0])
	}
	return defaults, nil
}
