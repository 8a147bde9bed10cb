//go:build linux

package engine

import (
	"net"
	"testing"

	"postern/proxy/relay"
)

// engines are those that there are here.
var engines = map[string]func(*testing.T) engine{"goroutine": newGoroutines, "loop": newLoopEngine}

func newLoopEngine(t *testing.T) engine {
	loop := newLoop(t, LoopConfig{})
	return engine{
		wrap: Wrap,
		make: func(client net.Conn, host Host, session func(*relay.Session)) conversation {
			if !loop.Can(client) {
				t.Fatal("the loop cannot relay for this client")
			}
			return loop.New("tenant", client, host, session)
		},
	}
}

// newLoop is a Loop that is closed when the test is over.
func newLoop(t testing.TB, config LoopConfig) *Loop {
	t.Helper()
	loop, err := NewLoop(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loop.Close)
	return loop
}
