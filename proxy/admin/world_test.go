package admin_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/admin"
	"postern/proxy/wire"
)

var silent = slog.New(slog.DiscardHandler)

// world is a small proxy without bytes: clients and server connections are there,
// are held, replaced and ended as the console says.
type world struct {
	mu        sync.Mutex
	clients   map[uint64]admin.Client // under mu, as all below
	servers   map[uint64]admin.Server
	tenants   map[string]admin.Tenant
	paused    bool
	changed   chan struct{} // closed at each change
	reloads   int
	shutdowns []admin.ShutdownMode
}

// newWorld has two tenants: acme, awake, with a client at work, one that is idle
// and one that waits; and zoo, asleep.
func newWorld() *world {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	from := func(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: port} }
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 6432}
	return &world{
		changed: make(chan struct{}),
		clients: map[uint64]admin.Client{
			1: {ID: 1, Session: "aa", Tenant: "acme", Role: "app", Database: "app", State: admin.ClientActive, Remote: from(1001), Local: local, ConnectedAt: at, Server: 7, TLS: "TLSv1.3", ApplicationName: "web"},
			2: {ID: 2, Session: "bb", Tenant: "acme", Role: "app", Database: "app", State: admin.ClientIdle, Remote: &net.UnixAddr{Net: "unix"}, ConnectedAt: at},
			3: {ID: 3, Session: "cc", Tenant: "acme", Role: "app", Database: "reports", State: admin.ClientWaiting, Remote: from(1003), Local: local, ConnectedAt: at, Waiting: 2500 * time.Millisecond},
			4: {ID: 4, Session: "dd", State: admin.ClientLogin, Remote: from(1004), Local: local, ConnectedAt: at},
		},
		servers: map[uint64]admin.Server{
			7: {ID: 7, Tenant: "acme", Role: "app", Database: "app", State: admin.ServerActive, Client: 1, PID: 4711, ConnectedAt: at},
			8: {ID: 8, Tenant: "acme", Role: "app", Database: "reports", State: admin.ServerIdle, PID: 4712, ConnectedAt: at},
		},
		tenants: map[string]admin.Tenant{
			"acme": {ID: "acme", State: "awake", Driver: "process", Region: "local", Host: "/run/acme", Port: 5432, Database: "app", PoolSize: 20, ReservePoolSize: 3, PoolMode: "transaction", AwakeBecause: []string{"a client at work"}},
			"zoo":  {ID: "zoo", State: "asleep", Driver: "process", Region: "local", Database: "app", PoolSize: 20, PoolMode: "session"},
		},
	}
}

// change changes the world and wakes whoever waits for that.
func (w *world) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	close(w.changed)
	w.changed = make(chan struct{})
}

// until waits for a change after which done holds.
func (w *world) until(ctx context.Context, done func() bool) error {
	for {
		w.mu.Lock()
		ok, changed := done(), w.changed
		w.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *world) known(tenant string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.tenants[tenant]; !ok && tenant != "" {
		return fmt.Errorf("%q: %w", tenant, admin.ErrUnknownTenant)
	}
	return nil
}

func (w *world) Clients() []admin.Client {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.clients))
}

func (w *world) Servers() []admin.Server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.servers))
}

func (w *world) Pools() []admin.Pool {
	w.mu.Lock()
	defer w.mu.Unlock()
	type key struct{ tenant, role, database string }
	pools := map[key]*admin.Pool{}
	of := func(tenant, role, database string) *admin.Pool {
		k := key{tenant, role, database}
		if pools[k] == nil {
			pools[k] = &admin.Pool{Tenant: tenant, Role: role, Database: database, PoolMode: w.tenants[tenant].PoolMode}
		}
		return pools[k]
	}
	for _, s := range w.servers {
		p := of(s.Tenant, s.Role, s.Database)
		if s.State == admin.ServerIdle {
			p.Idle++
		} else {
			p.Active++
		}
	}
	for _, c := range w.clients {
		if c.State == admin.ClientWaiting {
			p := of(c.Tenant, c.Role, c.Database)
			p.Waiting++
			p.OldestWait = max(p.OldestWait, c.Waiting)
		}
	}
	var all []admin.Pool
	for _, p := range pools {
		all = append(all, *p)
	}
	return all
}

func (w *world) Tenants(context.Context) ([]admin.Tenant, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.tenants)), nil
}

func (w *world) Pause(ctx context.Context, tenant string) error {
	if err := w.known(tenant); err != nil {
		return err
	}
	w.change(func() {
		if tenant == "" {
			w.paused = true
			return
		}
		t := w.tenants[tenant]
		t.Paused = true
		w.tenants[tenant] = t
	})
	return w.until(ctx, func() bool {
		for _, s := range w.servers {
			if s.State == admin.ServerActive && (tenant == "" || s.Tenant == tenant) {
				return false
			}
		}
		return true
	})
}

func (w *world) Resume(_ context.Context, tenant string) error {
	if err := w.known(tenant); err != nil {
		return err
	}
	w.change(func() {
		if tenant == "" {
			w.paused = false
			return
		}
		t := w.tenants[tenant]
		t.Paused = false
		w.tenants[tenant] = t
	})
	return nil
}

func (w *world) Paused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paused
}

func (w *world) Kill(_ context.Context, tenant string) error {
	if err := w.known(tenant); err != nil {
		return err
	}
	w.change(func() {
		maps.DeleteFunc(w.clients, func(_ uint64, c admin.Client) bool { return tenant == "" || c.Tenant == tenant })
		maps.DeleteFunc(w.servers, func(_ uint64, s admin.Server) bool { return tenant == "" || s.Tenant == tenant })
	})
	return nil
}

func (w *world) KillClient(_ context.Context, id uint64) error {
	w.mu.Lock()
	_, ok := w.clients[id]
	w.mu.Unlock()
	if !ok {
		return fmt.Errorf("%d: %w", id, admin.ErrUnknownClient)
	}
	w.change(func() { delete(w.clients, id) })
	return nil
}

func (w *world) Reconnect(_ context.Context, tenant string) error {
	w.change(func() {
		for id, s := range w.servers {
			if tenant == "" || s.Tenant == tenant {
				s.CloseNeeded = true
				w.servers[id] = s
			}
		}
	})
	return nil
}

func (w *world) WaitClose(ctx context.Context, tenant string) error {
	return w.until(ctx, func() bool {
		for _, s := range w.servers {
			if s.CloseNeeded && (tenant == "" || s.Tenant == tenant) {
				return false
			}
		}
		return true
	})
}

func (w *world) Wake(_ context.Context, tenant string) error { return w.become(tenant, "awake") }

func (w *world) Suspend(_ context.Context, tenant string) error {
	if tenant == "acme" {
		return &wire.Error{Code: wire.CannotConnectNow, Message: "acme is at work", Hint: "Try again."}
	}
	return w.become(tenant, "asleep")
}

func (w *world) become(tenant, state string) error {
	if err := w.known(tenant); err != nil {
		return err
	}
	w.change(func() {
		t := w.tenants[tenant]
		t.State = state
		w.tenants[tenant] = t
	})
	return nil
}

func (w *world) Reload(context.Context) error {
	w.change(func() { w.reloads++ })
	return nil
}

func (w *world) Shutdown(_ context.Context, mode admin.ShutdownMode) error {
	w.change(func() { w.shutdowns = append(w.shutdowns, mode) })
	return nil
}

// console returns one over w.
func (w *world) console() *admin.Console {
	return admin.New(admin.Config{
		Connections: w, Tenants: w, Traffic: w, Sessions: w, Servers: w, Instances: w, Process: w,
		Stats: func() []admin.Stats {
			return []admin.Stats{
				{Tenant: "zoo", Counters: admin.Counters{Queries: 1}},
				{Tenant: "acme", Counters: admin.Counters{
					Transactions: 10, Queries: 20, Received: 1000, Sent: 2000,
					TransactionTime: 3 * time.Second, QueryTime: 2 * time.Second, WaitTime: time.Second,
					Assignments: 10, Logins: 4, ClientParses: 5, ServerParses: 2, Binds: 9,
				}},
			}
		},
		Wakes: func() []admin.Wake {
			return []admin.Wake{{Tenant: "acme", Driver: "process", State: "ok", StartedAt: time.Unix(1e9, 0), Took: 35 * time.Millisecond}}
		},
		Quotas: func(context.Context) ([]admin.Quota, error) {
			return []admin.Quota{{Tenant: "acme", Key: "queries", Period: "month", Limit: 100, Used: 20, Action: "block"}}, nil
		},
		Settings: func() []admin.Setting {
			return []admin.Setting{
				{Key: "max_client_conn", Value: "10000", Default: "10000", Changeable: true},
				{Key: "wake.idle_timeout", Value: "300", Default: "300"},
			}
		},
		Version: "0.3.0",
		Log:     silent,
	})
}

// listener is a console on the loopback, where everybody named "admin" is an admin.
type listener struct {
	t       testing.TB
	address string
	console *admin.Console
	stop    context.CancelCauseFunc

	mu       sync.Mutex
	sessions []*admin.Session // under mu
}

func listen(t testing.TB, console *admin.Console) *listener {
	t.Helper()
	accepting, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	l := &listener{t: t, address: accepting.Addr().String(), console: console, stop: stop}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := accepting.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() { l.serve(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		accepting.Close()
		stop(nil)
		tasks.Wait()
	})
	return l
}

func (l *listener) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	opening, err := wire.Negotiate(conn, wire.NegotiateOptions{})
	if err != nil || opening.Startup == nil {
		return
	}
	login := admin.Login{User: opening.Startup.User, Admin: opening.Startup.User == "admin"}
	messages := []pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}}
	for name, value := range admin.Parameters(login) {
		messages = append(messages, &pgproto3.ParameterStatus{Name: name, Value: value})
	}
	messages = append(messages, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	var b []byte
	for _, m := range messages {
		if b, err = m.Encode(b); err != nil {
			l.t.Error(err)
			return
		}
	}
	session := l.console.Session(conn, login)
	l.mu.Lock()
	l.sessions = append(l.sessions, session) // before the client knows that it is in
	l.mu.Unlock()
	if _, err := conn.Write(b); err != nil {
		return
	}
	session.Serve(ctx)
}

// last returns the session that began last.
func (l *listener) last() *admin.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sessions[len(l.sessions)-1]
}

// dsn is how a user connects.
func (l *listener) dsn(user string) string {
	host, port, _ := net.SplitHostPort(l.address)
	return fmt.Sprintf("host=%s port=%s user=%s dbname=postern sslmode=disable", host, port, cmp.Or(user, "admin"))
}

// bubbled connects to console within the bubble of a synctest, where no time goes
// by. settings are more of a connection string.
func bubbled(t *testing.T, console *admin.Console, settings string) *pgx.Conn {
	t.Helper()
	client, server := net.Pipe()
	l := &listener{t: t, console: console}
	var serving sync.WaitGroup
	serving.Go(func() { l.serve(context.Background(), server) })
	config, err := pgx.ParseConfig("host=pipe user=admin dbname=postern sslmode=disable " + settings)
	if err != nil {
		t.Fatal(err)
	}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"pipe"}, nil }
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return client, nil }
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close(context.Background())
		serving.Wait()
	})
	return conn
}
