package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// CacheConfig is what a Cache is made of.
type CacheConfig struct {
	// Store is asked for what the cache does not hold, or no longer trusts.
	Store Store
	// MaxAge is how long a record is trusted without asking the store again
	// (catalog.poll_interval); 0 means 5 seconds.
	MaxAge time.Duration
	// NegativeTTL is how long an unknown name stays unknown
	// (catalog.negative_ttl); 0 means 1 second.
	NegativeTTL time.Duration
	// MaxUnknown bounds the unknown names that are held, since strangers choose
	// them; the oldest go first. 0 means 10 000.
	MaxUnknown int
	// LoadTimeout bounds one read of the store; 0 means 10 seconds.
	LoadTimeout time.Duration
	// Patience is how long a Lookup that holds an old record waits for a newer
	// one before it is content with the old; 0 means 1 second.
	Patience time.Duration
}

// minimumAge is how old a record must be before ReportFailure has it read
// again: whoever fails to log in, strangers too, causes at most one read a
// second of a tenant.
const minimumAge = time.Second

// maxHostname is the length of the longest name in the DNS.
const maxHostname = 253

// Cache answers lookups from memory and asks the Store only for what it does
// not hold, or has held for too long. Any number of lookups of one name share
// one read. While the store does not answer, records stay valid however old.
// All methods are safe for concurrent use. Make one with NewCache, and Close it.
type Cache struct {
	config CacheConfig

	// Every read of the store runs under ctx and is counted by loading, so that
	// Close ends and awaits them.
	ctx     context.Context
	cancel  context.CancelFunc
	loading sync.WaitGroup

	mu        sync.Mutex // never held over a call of the store
	closed    bool       // under mu
	records   map[TenantID]*cached
	hostnames map[string]TenantID // under mu; a hint, checked against the record
	unknown   unknownNames        // under mu
	loads     map[name]*load      // under mu
}

// name is what a tenant is asked for by: one of the two is empty.
type name struct {
	id       TenantID
	hostname string
}

func (n name) String() string {
	return cmp.Or(string(n.id), n.hostname)
}

// cached is a record as the store answered. Its fields are under Cache.mu.
type cached struct {
	tenant *Tenant
	// readAt is when the read began: the record is at least as new as that.
	readAt time.Time
	// expires is when a Lookup asks the store again.
	expires time.Time
	// failed: somebody was refused because of this record.
	failed bool
}

// NewCache returns an empty cache.
func NewCache(config CacheConfig) *Cache {
	config.MaxAge = cmp.Or(config.MaxAge, 5*time.Second)
	config.NegativeTTL = cmp.Or(config.NegativeTTL, time.Second)
	config.MaxUnknown = cmp.Or(config.MaxUnknown, 10_000)
	config.LoadTimeout = cmp.Or(config.LoadTimeout, 10*time.Second)
	config.Patience = cmp.Or(config.Patience, time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	return &Cache{
		config:    config,
		ctx:       ctx,
		cancel:    cancel,
		records:   map[TenantID]*cached{},
		hostnames: map[string]TenantID{},
		unknown:   unknownNames{limit: config.MaxUnknown, until: map[name]time.Time{}},
		loads:     map[name]*load{},
	}
}

// Close ends the reads that are under way and waits for them. A Lookup that
// would need the store fails from then on with ErrUnavailable.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.loading.Wait()
}

// Run follows the store's changes until ctx is done, and returns as Store.Watch
// does. Without it a change is seen when the record is older than MaxAge.
func (c *Cache) Run(ctx context.Context) error {
	return c.config.Store.Watch(ctx, c.Invalidate)
}

// Lookup returns the tenant, deleted or not, or ErrNotFound. It waits for the
// store, as long as ctx allows, if it holds no record; if it holds an old one
// it waits for no longer than Patience, and the old one serves when the store
// does not answer.
func (c *Cache) Lookup(ctx context.Context, id TenantID) (*Tenant, error) {
	c.mu.Lock()
	return c.resolve(ctx, name{id: id}, c.records[id])
}

// LookupHostname returns the living tenant that owns hostname, or ErrNotFound,
// in the same way as Lookup.
func (c *Cache) LookupHostname(ctx context.Context, hostname string) (*Tenant, error) {
	hostname = strings.ToLower(hostname)
	if hostname == "" || len(hostname) > maxHostname {
		return nil, fmt.Errorf("hostname: %w", ErrNotFound)
	}
	c.mu.Lock()
	id, known := c.hostnames[hostname]
	c.mu.Unlock()
	if known {
		// By its id, so that all names of a tenant share one record.
		t, err := c.Lookup(ctx, id)
		if err == nil && t.owns(hostname) {
			return t, nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		c.mu.Lock()
		if c.hostnames[hostname] == id {
			delete(c.hostnames, hostname)
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	return c.resolve(ctx, name{hostname: hostname}, nil)
}

// Try returns the record that is held, however old, and never blocks.
func (c *Cache) Try(id TenantID) (*Tenant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.records[id]
	if held == nil {
		return nil, false
	}
	return held.tenant, true
}

// ReportFailure says that a login or a connection failed because of what the
// record says: the next Lookup reads it again, unless it is less than a second
// old.
func (c *Cache) ReportFailure(id TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if held := c.records[id]; held != nil {
		held.failed = true
	}
}

// Invalidate says that the tenant may have changed, or all of them if id is
// empty: the next Lookup, by whichever name, asks the store. What is held is
// kept for when the store does not answer.
func (c *Cache) Invalidate(id TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, l := range c.loads {
		// A read under way may have seen the tenant as it was before; whose
		// record one by hostname will bring is not known yet.
		if id == "" || n.id == id || n.hostname != "" {
			l.outdated = true
			delete(c.loads, n)
		}
	}
	if id == "" {
		for _, held := range c.records {
			held.expires = time.Time{}
		}
		c.unknown.clear()
		return
	}
	if held := c.records[id]; held != nil {
		held.expires = time.Time{}
	}
	c.unknown.remove(name{id: id})
}

func (t *Tenant) owns(hostname string) bool {
	return !t.Deleted() && slices.Contains(t.Hostnames, hostname)
}
