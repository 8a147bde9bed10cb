package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog/api"
	control "postern/catalog/api/client"
)

// killsVariable is how often TestKills kills.
const killsVariable = "POSTERN_TEST_KILLS"

// TestKills kills Postern, a tenant's postmaster, or both, without a warning and
// in the middle of wakes and suspends, while clients write. Afterwards every
// tenant answers and holds every row whose COMMIT was answered, and none of which
// no COMMIT was sent.
func TestKills(t *testing.T) {
	t.Parallel()
	count, seed := 10, rand.Uint64()
	if given, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		count = given
	}
	if given, err := strconv.ParseUint(os.Getenv(soakSeedVariable), 10, 64); err == nil {
		seed = given
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	d := startDev(t, idleTimeout)
	client := control.Socket(filepath.Join(d.dataDir, "control.sock"))
	defer client.Close()

	ctx, end := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer end()
	var ledgers []*ledger
	for i := range 4 {
		a := d.createTenantOf(t, majors(t)[i%len(majors(t))], fmt.Sprintf("t%d", i))
		a.exec(t, "create table ledger (n int primary key)")
		l := &ledger{tenant: a, dsn: a.dsn(), rows: map[int]outcome{}}
		ledgers = append(ledgers, l)
		pauses := rand.New(rand.NewPCG(seed, uint64(i+1)))
		working.Go(func() { l.write(ctx, pauses) })
	}

	killed := map[string]int{}
	for range count {
		l := ledgers[random.IntN(len(ledgers))]
		operation := []func(){
			func() { _, _ = client.SuspendTenant(ctx, l.tenant.id, api.SuspendTenant{}) },
			func() { _, _ = client.SuspendTenant(ctx, l.tenant.id, api.SuspendTenant{Force: true}) },
			func() { _, _ = client.WakeTenant(ctx, l.tenant.id) },
			func() {}, // clients and the idle timeout do enough
		}[random.IntN(4)]
		working.Go(operation) // it may fail: its Postern may be killed
		time.Sleep(time.Duration(random.IntN(80)) * time.Millisecond)
		victims := random.IntN(3) // 0: Postern, 1: a postmaster, 2: both
		if victims != 0 && killPostmaster(t, l.tenant.dataDir()) {
			killed["postmasters"]++
		}
		if victims != 1 {
			killed["Posterns"]++
			d.kill9(t)
			d.start(t)
		}
		if random.IntN(2) == 0 { // else the next kill comes before anything has settled
			l.check(t)
		}
	}
	end()
	working.Wait()
	rows := 0
	for _, l := range ledgers {
		rows += l.check(t)
		l.tenant.suspend(t)
		l.tenant.mustSleep(t, "all kills")
		l.check(t)
	}
	t.Logf("seed %d: %d times: %d Posterns and %d postmasters; %d rows committed", seed, count, killed["Posterns"], killed["postmasters"], rows)
	if rows == 0 {
		t.Error("nothing was committed")
	}
}

// killPostmaster kills the postmaster of a data directory, ready or not; false
// if there is none.
func killPostmaster(t testing.TB, dataDir string) (killed bool) {
	t.Helper()
	found := postgresOf(t, dataDir)
	for pid := range found {
		if _, child := found[parentOf(pid)]; !child && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed = true
		}
	}
	return killed
}

// parentOf is the process that a process descends from; 0 if it is gone.
func parentOf(pid int) (parent int) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // postgres has no parenthesis in its name
	if fields := bytes.Fields(rest); len(fields) > 1 {
		parent, _ = strconv.Atoi(string(fields[1]))
	}
	return parent
}

// outcome is what a client knows of a row.
type outcome int

const (
	rolledBack outcome = iota // its COMMIT was never sent
	doubtful                  // nobody answered
	committed
)

// ledger is a tenant's table, and what must be in it.
type ledger struct {
	tenant *tenant
	dsn    string

	mu   sync.Mutex
	rows map[int]outcome // under mu
}

// write inserts rows, each in a transaction, until ctx ends. Whatever goes wrong,
// it connects anew.
func (l *ledger) write(ctx context.Context, random *rand.Rand) {
	var conn *pgx.Conn
	for n := 0; ctx.Err() == nil; n++ {
		if conn == nil || conn.IsClosed() {
			var err error
			if conn, err = pgx.Connect(ctx, l.dsn); err != nil {
				conn = nil
				time.Sleep(10 * time.Millisecond)
				continue
			}
		}
		if err := l.insert(ctx, conn, n); err != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
		if random.IntN(10) == 0 { // long enough for the tenant to sleep
			select {
			case <-ctx.Done():
			case <-time.After(time.Second + time.Duration(random.IntN(200))*time.Millisecond):
			}
		}
	}
	if conn != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
	}
}

func (l *ledger) insert(ctx context.Context, conn *pgx.Conn, n int) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "insert into ledger values ($1)", n); err != nil {
		return err
	}
	l.note(n, doubtful)
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	l.note(n, committed)
	return nil
}

func (l *ledger) note(n int, o outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows[n] = o
}

// check reads the table once the tenant answers, compares and returns how many
// rows were committed.
func (l *ledger) check(t testing.TB) int {
	t.Helper()
	l.mu.Lock()
	var want []int
	for n, o := range l.rows {
		if o == committed {
			want = append(want, n)
		}
	}
	l.mu.Unlock()
	var found []int
	var last error
	defer func() { // behind eventually's Fatalf, too
		if last != nil {
			t.Errorf("tenant %s: %v", l.tenant.id, last)
		}
	}()
	eventually(t, "tenant "+l.tenant.id+" answers", func() bool {
		found, last = l.read(t.Context())
		return last == nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	there := map[int]bool{}
	for _, n := range found {
		there[n] = true
		if l.rows[n] == rolledBack {
			t.Errorf("tenant %s holds row %d, which was never committed", l.tenant.id, n)
		}
	}
	for _, n := range want {
		if !there[n] {
			t.Errorf("tenant %s has lost row %d, which was committed", l.tenant.id, n)
		}
	}
	return len(want)
}

// read returns the rows that are there.
func (l *ledger) read(ctx context.Context) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, l.dsn)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "select n from ledger")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}
