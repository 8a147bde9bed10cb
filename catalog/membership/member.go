package membership

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"postern/catalog"
)

// Leases are the rows of the proxies; see pgstore.Store for what each method does.
type Leases interface {
	Join(ctx context.Context, p catalog.Proxy) (catalog.Proxy, error)
	Renew(ctx context.Context, boot string) error
	Leave(ctx context.Context, boot string) error
}

// Holds are which tenants they use.
type Holds interface {
	Hold(ctx context.Context, boot string, id catalog.TenantID) error
	Drop(ctx context.Context, boot string, id catalog.TenantID) error
	Claim(ctx context.Context, boot string, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error)
}

// Store is a catalog that proxies share; *pgstore.Store and *memstore.Store are.
type Store interface {
	Leases
	Holds
	// Proxies are those that live.
	Proxies(ctx context.Context) ([]catalog.Proxy, error)
}

// DefaultLease is what Config.Lease means by 0.
const DefaultLease = 15 * time.Second

// Config is what a Member is made of.
type Config struct {
	// Store is the catalog. Required.
	Store Store
	// ID is this proxy's own over restarts: the process before that had it is over.
	// Required.
	ID string
	// Address is where the other proxies reach this one, host:port; "" if nowhere.
	Address string
	// Lease is how long the others count on this proxy without hearing of it, 0 for
	// DefaultLease (catalog.lease). It is renewed three times in that time.
	Lease time.Duration
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Member is this process among the proxies. Make one with Join; Run it, and Leave at
// the end. All methods are safe for concurrent use.
type Member struct {
	config Config
	boot   string
	// filing has a value while the holds of one tenant are written.
	filing chan struct{}
	list   list

	mu    sync.Mutex
	proxy catalog.Proxy              // under mu
	away  bool                       // under mu: the catalog did not answer when last asked
	holds map[catalog.TenantID]*hold // under mu
}

// Join makes this process a member, or fails as Leases.Join does.
func Join(ctx context.Context, config Config) (*Member, error) {
	config.Lease = cmp.Or(config.Lease, DefaultLease)
	config.Log = cmp.Or(config.Log, slog.Default())
	m := &Member{
		config: config, boot: NewID(),
		filing: make(chan struct{}, 1), holds: make(map[catalog.TenantID]*hold),
	}
	if err := m.join(ctx, config.ID); err != nil {
		return nil, err
	}
	return m, nil
}

// NewID returns an id for a proxy, 16 hexadecimal digits.
func NewID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (m *Member) join(ctx context.Context, id string) error {
	proxy, err := m.config.Store.Join(ctx, catalog.Proxy{
		ID: id, Boot: m.boot, Address: m.config.Address, Lease: m.config.Lease,
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.proxy = proxy
	for _, h := range m.holds { // those of the row before went with it
		h.filed = false
	}
	return nil
}

// Boot is this process's id in the catalog, another one with every start.
func (m *Member) Boot() string { return m.boot }

// Number is this proxy's number. It changes only when the proxy was away for so long
// that another has it.
func (m *Member) Number() uint16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proxy.Number
}

// Leave gives number and holds back.
func (m *Member) Leave(ctx context.Context) error {
	return m.config.Store.Leave(ctx, m.boot)
}

// Run renews the lease until ctx ends, and then returns nil.
func (m *Member) Run(ctx context.Context) error {
	ticker := time.NewTicker(m.config.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			m.renew(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// renew renews the lease, and catches up on what could not be written.
func (m *Member) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Lease/3)
	defer cancel()
	err := m.config.Store.Renew(ctx, m.boot)
	if errors.Is(err, catalog.ErrLapsed) {
		// Whoever has the row now may have our ID, so that is left to it.
		if err = m.join(ctx, NewID()); err == nil {
			m.config.Log.Warn("this proxy was away from the catalog for so long that it has a new number", "number", m.Number())
		}
	}
	m.heard(ctx, err)
	if err != nil {
		return
	}
	for _, id := range m.unfiled() {
		_ = m.file(ctx, id) // what fails now is tried again
	}
}

// heard notes whether the catalog has answered.
func (m *Member) heard(ctx context.Context, err error) {
	m.mu.Lock()
	was := m.away
	m.away = err != nil
	m.mu.Unlock()
	switch {
	case err != nil && !was && !errors.Is(ctx.Err(), context.Canceled):
		m.config.Log.Warn("the catalog is away: tenants are woken, but none is suspended", "error", err)
	case err == nil && was:
		m.config.Log.Info("the catalog is back")
	}
}

func (m *Member) isAway() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.away
}

// Claim is Store.Transition of a tenant that no other proxy uses; catalog.ErrHeld,
// ErrUnsettled and ErrLapsed say why it cannot be.
func (m *Member) Claim(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	if m.isAway() {
		return nil, fmt.Errorf("claim tenant %q: %w", id, catalog.ErrUnavailable)
	}
	return m.config.Store.Claim(ctx, m.boot, id, change)
}
