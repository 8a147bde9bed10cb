package membership

import (
	"context"
	"sync"
	"time"

	"postern/catalog"
)

const (
	// maxListAge is how old what Proxies answers may be: whoever sends cancel requests,
	// strangers too, causes at most one read a second.
	maxListAge = time.Second
	// listTimeout bounds that read.
	listTimeout = time.Second
)

// list remembers the living proxies. The zero value is ready.
type list struct {
	mu      sync.Mutex // held over the read, so that there is one at a time
	readAt  time.Time  // under mu
	proxies []catalog.Proxy
}

// Proxies are those that live, this one included, as of the last second; without the
// catalog, those that lived when it last answered. The caller must not change them.
func (m *Member) Proxies(ctx context.Context) []catalog.Proxy {
	l := &m.list
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.readAt.IsZero() && time.Since(l.readAt) < maxListAge {
		return l.proxies
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), listTimeout) // others wait for it, too
	defer cancel()
	proxies, err := m.config.Store.Proxies(ctx)
	l.readAt = time.Now()
	if err == nil {
		l.proxies = proxies
	}
	return l.proxies
}
