package catalog

import (
	"errors"
	"time"
)

// MaxProxies is how many proxies one catalog can have: their numbers, 0 to 4095,
// have twelve bits in a cancel key.
const MaxProxies = 4096

// Proxy is one of the proxies that share a catalog. Its row there lapses unless
// it is renewed.
type Proxy struct {
	// Number is unique among the proxies of the catalog, 0 to MaxProxies - 1. A
	// proxy that comes back keeps its number.
	Number uint16
	// ID is the proxy's own over restarts: who joins with it takes the place of the
	// process before.
	ID string
	// Boot is another one with every start; it is Tenant.Owner, too.
	Boot string
	// Address is where the other proxies reach this one, host:port; "" if nowhere.
	Address string
	// Lease is how long the row is valid without being renewed.
	Lease time.Duration
}

// The errors of a store that proxies share, besides those of Store.
var (
	// ErrLapsed: the proxy has no row any more, or another boot of it has taken it
	// over.
	ErrLapsed = errors.New("this proxy's lease has lapsed")
	// ErrNoNumber: all numbers are taken by proxies that live.
	ErrNoNumber = errors.New("the catalog has as many proxies as it can")
	// ErrHeld: another living proxy uses the tenant.
	ErrHeld = errors.New("tenant is in use by another proxy")
	// ErrUnsettled: the proxy has not been back for as long as a lease, so that others
	// may not have had the time to say what they use.
	ErrUnsettled = errors.New("the other proxies may not all be back in the catalog yet")
	// ErrSuspending: another living proxy is suspending the tenant.
	ErrSuspending = errors.New("tenant is being suspended by another proxy")
)

// KeepLapsed is how long a Store keeps the row of a proxy that has lapsed, so that
// it finds its number and its holds again.
const KeepLapsed = time.Hour
