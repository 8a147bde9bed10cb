package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The soak's length, how many tenants it has, its engine, and the seed to repeat it.
const (
	soakVariable        = "POSTERN_TEST_SOAK"
	soakTenantsVariable = "POSTERN_TEST_SOAK_TENANTS"
	soakEngineVariable  = "POSTERN_TEST_SOAK_ENGINE"
	soakSeedVariable    = "POSTERN_TEST_SEED"
)

// TestSoak: tenants fall asleep a second after their last statement, under clients
// that come back at the worst of times. No client is told an error, and what a
// session has set and prepared and a tenant has stored is there each time.
func TestSoak(t *testing.T) {
	t.Parallel()
	length, tenants, seed := 15*time.Second, 4, rand.Uint64()
	if given := os.Getenv(soakVariable); given != "" {
		var err error
		if length, err = time.ParseDuration(given); err != nil {
			t.Fatalf("%s: %v", soakVariable, err)
		}
	}
	if given, err := strconv.Atoi(os.Getenv(soakTenantsVariable)); err == nil {
		tenants = given
	}
	if given, err := strconv.ParseUint(os.Getenv(soakSeedVariable), 10, 64); err == nil {
		seed = given
	}
	config := idleTimeout
	if engine := os.Getenv(soakEngineVariable); engine != "" {
		config.Env = []string{"POSTERN_POOL_ENGINE=" + engine}
	}
	d := startDev(t, config)
	var all []*tenant
	for i := range tenants {
		a := d.createTenantOf(t, majors(t)[i%len(majors(t))], fmt.Sprintf("t%d", i))
		a.exec(t, "create schema shop; create table ledger (client int, n int); create table shop.thing as select 42 as answer")
		all = append(all, a)
	}
	begin := time.Now()
	s := &soak{end: begin.Add(length)}
	var clients sync.WaitGroup
	for i, a := range all {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		beat := time.Second + time.Duration(random.IntN(250))*time.Millisecond
		for n, behave := range []func(*customer) error{
			(*customer).asks, (*customer).prepares, (*customer).configures, (*customer).books, (*customer).returns, (*customer).stays,
		} {
			c := &customer{soak: s, tenant: a, number: n, begin: begin, beat: beat, random: rand.New(rand.NewPCG(random.Uint64(), 0))}
			clients.Go(func() {
				if err := c.live(t.Context(), behave); err != nil {
					t.Errorf("client %d of %s after %d statements: %v", n, a.id, c.statements, err)
				}
			})
		}
	}
	clients.Wait()
	suspends := d.metric(t, "postern_suspends_total", `result="ok"`)
	t.Logf("seed %d: %d tenants, %v, %d statements, %d logins, %v wakes, %v suspends, %v tries found work, %v failed",
		seed, tenants, length, s.statements.Load(), s.logins.Load(), d.wakes(t), suspends,
		d.metric(t, "postern_suspends_total", `result="busy"`), d.metric(t, "postern_suspends_total", `result="failed"`))
	if suspends == 0 {
		t.Error("no tenant was suspended")
	}
	if failed := d.metric(t, "postern_suspends_total", `result="failed"`); failed > 0 {
		t.Errorf("%v suspends failed", failed)
	}
}

// soak is what its clients have in common.
type soak struct {
	end                time.Time
	statements, logins atomic.Int64
}

// customer is one client of one tenant.
type customer struct {
	*soak
	tenant     *tenant
	number     int
	random     *rand.Rand
	begin      time.Time
	beat       time.Duration // of its tenant
	conn       *pgx.Conn
	statements int // of this one
}

// live does what the customer does, again and again. Those of one tenant do it on
// one beat, so that nobody does anything between for about the idle timeout.
func (c *customer) live(ctx context.Context, behave func(*customer) error) error {
	if err := c.login(ctx, ""); err != nil {
		return err
	}
	defer func() { c.conn.Close(context.WithoutCancel(ctx)) }()
	for time.Now().Before(c.end) {
		if err := behave(c); err != nil {
			return err
		}
		pause := c.beat - time.Since(c.begin)%c.beat + time.Duration(c.random.IntN(50))*time.Millisecond
		switch c.random.IntN(4) {
		case 0:
			pause = 0
		case 1:
			pause += c.beat
		}
		time.Sleep(pause)
	}
	return nil
}

func (c *customer) login(ctx context.Context, options string) (err error) {
	c.logins.Add(1)
	c.conn, err = pgx.Connect(ctx, c.tenant.dsn()+options)
	return err
}

// answer asks for one value, which must be as wanted.
func (c *customer) answer(want, sql string, args ...any) error {
	c.statements++
	c.soak.statements.Add(1)
	var got string
	if err := c.conn.QueryRow(context.Background(), sql, args...).Scan(&got); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	if got != want {
		return fmt.Errorf("%s: %q, want %q", sql, got, want)
	}
	return nil
}

// asks is a customer with a simple query.
func (c *customer) asks() error {
	return c.answer("42", "select answer::text from shop.thing", pgx.QueryExecModeSimpleProtocol)
}

// prepares is one with a statement that it has prepared once.
func (c *customer) prepares() error {
	if c.statements == 0 {
		if _, err := c.conn.Prepare(context.Background(), "answer", "select (answer + $1)::text from shop.thing"); err != nil {
			return err
		}
	}
	n := c.random.IntN(1000)
	return c.answer(strconv.Itoa(42+n), "answer", n)
}

// configures is one whose session has settings, which it changes now and then.
func (c *customer) configures() error {
	zone := []string{"Asia/Kathmandu", "America/St_Johns"}[c.statements/7%2]
	if c.statements%7 == 0 {
		set := fmt.Sprintf("set application_name to 'till %d'; set timezone to '%s'; set search_path to shop", c.statements, zone)
		if _, err := c.conn.PgConn().Exec(context.Background(), set).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", set, err)
		}
	}
	return c.answer(fmt.Sprintf("till %d %s shop 42", c.statements/7*7, zone),
		"select concat_ws(' ', current_setting('application_name'), current_setting('timezone'), current_setting('search_path'), answer) from thing")
}

// books is one whose transactions must be there, all of them, even if the tenant
// sleeps right behind them.
func (c *customer) books() error {
	ctx := context.Background()
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if _, err := tx.Exec(ctx, "insert into ledger values ($1, $2)", c.number, c.statements); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	if c.random.IntN(10) == 0 {
		time.Sleep(1200 * time.Millisecond) // longer than the idle timeout
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return c.answer(strconv.Itoa(c.statements+1), "select count(*)::text from ledger where client = $1", c.number)
}

// returns is one who logs in anew each time, with a wrong password now and then.
func (c *customer) returns() error {
	if err := c.conn.Close(context.Background()); err != nil {
		return err
	}
	if c.random.IntN(5) == 0 {
		var refused *pgconn.PgError
		_, err := pgx.Connect(context.Background(), c.tenant.dsnOf("app", "wrong"))
		if !errors.As(err, &refused) || refused.Code != "28P01" {
			return fmt.Errorf("with a wrong password: %w", err)
		}
	}
	if err := c.login(context.Background(), ""); err != nil {
		return err
	}
	return c.asks()
}

// stays is one in session mode, who comes and goes, too.
func (c *customer) stays() error {
	if err := c.conn.Close(context.Background()); err != nil {
		return err
	}
	if err := c.login(context.Background(), "?options=pool_mode%3Dsession"); err != nil {
		return err
	}
	if err := c.asks(); err != nil {
		return err
	}
	return c.conn.Close(context.Background())
}
