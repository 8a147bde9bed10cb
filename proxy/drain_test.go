package proxy_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy"
	"postern/proxy/admin"
	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

// Whoever waits for clients leaves them alone, takes nobody new, and lets the
// console see to the end.
func TestWaitForClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), func(c *proxy.Config) {
		c.Console = &proxy.Console{Admin: admin.New(admin.Config{Log: slog.New(slog.DiscardHandler)})}
		c.Settings.AdminUsers = map[string]string{"ops": auth.NewVerifier("secret").String()}
	})
	console, err := pgconn.Connect(t.Context(), "postgres://ops:secret@"+w.address+"/postern?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close(context.Background())
	c := pgtest.Connect(t, w.target())
	one(t, c)

	gone := make(chan error, 1)
	go func() {
		w.server.WaitForClients(t.Context())
		gone <- nil
	}()
	until(t, "nobody new is taken", func() bool {
		conn, err := net.Dial("tcp", w.address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	one(t, c)
	still(t, gone)
	drained := make(chan error, 1)
	c.Query("begin")
	c.ReadUntilReady()
	go func() {
		w.server.Drain(t.Context())
		drained <- nil
	}()
	one(t, c)
	if _, err := console.Exec(t.Context(), "SHOW VERSION").ReadAll(); err != nil {
		t.Errorf("the console has ended before the clients: %v", err)
	}
	still(t, drained)
	c.Query("commit")
	c.ReadUntilClosed()
	<-gone
	<-drained
	if _, err := console.Exec(t.Context(), "SHOW VERSION").ReadAll(); err == nil {
		t.Error("the console goes on")
	}
}

// Who waits for RESUME is not waited for.
func TestDrainWhilePaused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*proxy.Config){"transaction": nil, "session": inSession} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pgtest.Start(t, pgtest.Config{}), change)
			w.asleep(t)
			c := pgtest.Connect(t, w.target())
			if err := w.server.Pause(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			w.asks(t, c)
			w.server.Drain(t.Context())
			if failure := firstError(t, c.ReadUntilClosed()); failure.Code != "57P01" {
				t.Errorf("got %+v", failure)
			}
		})
	}
}
