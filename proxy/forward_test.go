package proxy_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/catalog"
	"postern/proxy"
	"postern/proxy/meter"
	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// fleetOf is a proxy's view of its fleet.
type fleetOf struct {
	number  uint16
	proxies *[]catalog.Proxy
}

func (f fleetOf) Number() uint16 { return f.number }

func (f fleetOf) Proxies(context.Context) []catalog.Proxy { return *f.proxies }

// newFleet starts two proxies with a Postgres of their own each, which know each
// other by the numbers 3 and 7.
func newFleet(t *testing.T, change func(*proxy.Config)) (a, b *world, results map[*world]func(string) float64) {
	t.Helper()
	pg := pgtest.Start(t, pgtest.Config{})
	proxies := make([]catalog.Proxy, 2)
	results = make(map[*world]func(string) float64)
	start := func(number uint16) *world {
		registry := prometheus.NewRegistry()
		metrics := meter.New(registry)
		w := newWorld(t, pg, func(c *proxy.Config) {
			c.Fleet, c.Metrics = fleetOf{number, &proxies}, metrics
			if change != nil {
				change(c)
			}
		})
		results[w] = func(result string) float64 { return cancels(t, registry, result) }
		return w
	}
	a, b = start(3), start(7)
	proxies[0] = catalog.Proxy{Number: 3, Address: a.address}
	proxies[1] = catalog.Proxy{Number: 7, Address: b.address}
	return a, b, results
}

// cancels is how many cancel requests have come to a result.
func cancels(t *testing.T, registry *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "postern_cancels_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetLabel()[0].GetValue() == result {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// A cancel request that lands at another proxy is passed on to the one that has the
// client, which closes when it has been dealt with; nothing is woken.
//
// Promises: E95.
func TestE95CancelAtAnotherProxy(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*proxy.Config){
		"transaction": nil, "session": inSession,
		"in the clear": func(c *proxy.Config) { c.Settings.TLS = nil },
	} {
		for version, protocol := range map[string]uint32{"3.0": 0, "3.2": wire.Version32} {
			t.Run(name+" "+version, func(t *testing.T) {
				t.Parallel()
				a, b, results := newFleet(t, change)
				target := a.target()
				target.Protocol = protocol
				c, key := login(t, target)
				c.Query("select 'slow', pg_sleep(60)")
				c.Write()
				waitFor(t, a.pg, "select count(*) = 1 from pg_stat_activity where state = 'active' and query like '%slow%' and pid <> pg_backend_pid()")
				sendCancel(t, b.target(), key)
				if failure := firstError(t, c.ReadUntilReady()); failure.Code != "57014" {
					t.Errorf("got %+v, want 57014", failure)
				}
				if results[b]("forwarded") != 1 || results[a]("sent") != 1 {
					t.Errorf("forwarded %v, sent %v", results[b]("forwarded"), results[a]("sent"))
				}
				if wakes := a.gate.count() + b.gate.count(); wakes > 0 {
					t.Errorf("%d wakes", wakes)
				}
			})
		}
	}
}

// What no proxy has made is passed on to nobody, nor is a request passed on twice.
//
// Promises: E95, E92.
func TestE95NotPassedOn(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled := make(chan struct{}, 100)
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			dialled <- struct{}{}
			conn.Close()
		}
	}()
	a, b, results := newFleet(t, func(c *proxy.Config) {
		if fleet := c.Fleet.(fleetOf); fleet.number == 7 { // who takes the other to be somewhere else
			elsewhere := []catalog.Proxy{{Number: 3, Address: listener.Addr().String()}, {Number: 7}}
			c.Fleet = fleetOf{7, &elsewhere}
		}
	})
	target := a.target()
	target.Protocol = wire.Version32 // in 3.0 one of 65,536 is genuine by chance
	c, key := login(t, target)
	for bit := 0; bit < 8*len(key.Secret); bit += 5 {
		forged := wire.CancelRequest{PID: key.PID, Secret: append([]byte(nil), key.Secret...)}
		forged.Secret[bit/8] ^= 1 << (bit % 8)
		sendCancel(t, b.target(), forged)
	}
	for _, size := range []int{20, 48} { // as long as what is passed on
		sendCancel(t, b.target(), wire.CancelRequest{PID: key.PID, Secret: append(append([]byte(nil), key.Secret...), make([]byte, 16)...)[:size]})
	}
	if forged := results[b]("forged"); forged != 54 || len(dialled) > 0 {
		t.Errorf("%v of 54 forged requests are taken as such, and %d are passed on", forged, len(dialled))
	}
	sendCancel(t, b.target(), key)
	if len(dialled) != 1 || results[b]("failed") != 1 {
		t.Errorf("passed on %d times, %v failed", len(dialled), results[b]("failed"))
	}
	c.Close()
	waitGone(t, a)
	sendCancel(t, a.target(), key)
	if results[a]("unknown") != 1 {
		t.Error("the key of a client that has left is not unknown")
	}
}

// waitGone waits until the proxy has no client.
func waitGone(t *testing.T, w *world) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		if len(w.server.Clients()) == 0 {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatal("its client does not leave")
		}
	}
}

// Two proxies that each take the other for the maker of a key do not send a request
// back and forth.
//
// Promises: E95.
func TestE95NoLoop(t *testing.T) {
	t.Parallel()
	a, b, results := newFleet(t, nil)
	c, key := login(t, a.target())
	c.Close()
	waitGone(t, a)
	sendCancel(t, b.target(), key)
	if results[b]("forwarded") != 1 || results[a]("unknown") != 1 {
		t.Errorf("forwarded %v, unknown %v", results[b]("forwarded"), results[a]("unknown"))
	}
}

// However many requests come for another proxy that does not answer, only so many are
// on their way at once, and those that are too many are dropped.
//
// Promises: E95, E91.
func TestE95Bounded(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	accepted := make(chan net.Conn, 100)
	go func() { // ends with the listener
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	a, b, results := newFleet(t, func(c *proxy.Config) {
		if fleet := c.Fleet.(fleetOf); fleet.number == 7 {
			c.Fleet = fleetOf{7, &[]catalog.Proxy{{Number: 3, Address: silent.Addr().String()}}}
		}
	})
	_, key := login(t, a.target())
	const most = 8
	var asking []*pgtest.Client
	for range most + 20 {
		asking = append(asking, requestCancel(t, b.target(), key))
	}
	eventually(t, "those that are too many are dropped", func() bool { return results[b]("refused") == 20 })
	for range most {
		conn := <-accepted
		io.ReadFull(conn, make([]byte, 8)) // the request for TLS
		conn.Close()
	}
	for _, asks := range asking {
		asks.ReadUntilClosed()
	}
	if len(accepted) > 0 || results[b]("failed") != most {
		t.Errorf("%d more came, %v have failed", len(accepted), results[b]("failed"))
	}
}
