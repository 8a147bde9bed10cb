package pool

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"postern/proxy/pgtest"
)

// These run against a real PostgreSQL, which trusts them.

type realServer struct {
	*pgtest.Postgres
	t *testing.T
}

func startPostgres(t *testing.T) realServer {
	return realServer{pgtest.Start(t, pgtest.Config{HBA: []string{"host all all 127.0.0.1/32 trust"}}), t}
}

func (s realServer) connect(role, database string) ConnectFunc {
	target := s.Target(role, database)
	return func(ctx context.Context) (*Server, error) {
		return Connect(ctx, Target{Network: target.Network, Address: target.Address}, Login{Role: role, Database: database})
	}
}

func (s realServer) lend(g *Group, role, database string) *Lease {
	s.t.Helper()
	lease, err := g.Acquire(s.t.Context(), Key{Tenant: "acme", Role: role, Database: database}, s.connect(role, database))
	if err != nil {
		s.t.Fatal(err)
	}
	return lease
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	s := startPostgres(t)

	t.Run("ends an idle session", func(t *testing.T) {
		g := NewGroup(Config{})
		defer g.Close()
		lease := s.lend(g, "app", "app")
		pid := lease.PID()
		lease.Release(true)
		s.Exec(t, fmt.Sprintf("select pg_terminate_backend(%d, 10000)", pid))
		lease = s.lend(g, "app", "app")
		if lease.PID() == pid {
			t.Error("the ended one was lent")
		}
		lease.Release(true)
	})

	t.Run("takes no more of a role", func(t *testing.T) {
		s.Exec(t, "create role few login connection limit 1")
		g := NewGroup(Config{})
		defer g.Close()
		lease := s.lend(g, "few", "app")
		pid := lease.PID()

		// Another pool of the role has none to wait for.
		var refused *RefusedError
		_, err := g.Acquire(t.Context(), Key{Tenant: "acme", Role: "few", Database: "postgres"}, s.connect("few", "postgres"))
		if !errors.As(err, &refused) || refused.Code != "53300" {
			t.Errorf("got %v, want the server's 53300", err)
		}

		tried, next := make(chan struct{}, 100), make(chan *Lease)
		go func() {
			defer close(next)
			connect := s.connect("few", "app")
			lease, err := g.Acquire(t.Context(), Key{Tenant: "acme", Role: "few", Database: "app"}, func(ctx context.Context) (*Server, error) {
				defer func() { tried <- struct{}{} }()
				return connect(ctx)
			})
			if err != nil {
				t.Errorf("a client got an error while the pool has a connection: %v", err)
				return
			}
			next <- lease
		}()
		<-tried
		lease.Release(true)
		lease = <-next
		if lease == nil {
			return
		}
		if lease.PID() != pid {
			t.Error("it was served with another session")
		}
		lease.Release(true)

		// What is idle gives way to the other pool.
		other := s.lend(g, "few", "postgres")
		other.Release(true)
		if n := g.Idle("acme"); n != 1 {
			t.Errorf("%d are idle, want 1", n)
		}
	})

	t.Run("drops a database", func(t *testing.T) {
		s.Exec(t, "create database gone")
		g := NewGroup(Config{})
		defer g.Close()
		s.lend(g, "app", "gone").Release(true)
		s.lend(g, "app", "app").Release(true)
		g.CloseDatabase("acme", "gone")
		s.Exec(t, "drop database gone")
		if n := g.Idle("acme"); n != 1 {
			t.Errorf("%d are idle, want 1", n)
		}
	})
}
