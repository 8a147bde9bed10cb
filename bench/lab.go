package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"postern/wake/postgres"
)

// lab is everything that a run needs: PostgreSQL, the proxies, a directory.
type lab struct {
	options     options
	dir         string
	certificate certificate
	server      *server
	bouncer     *bouncer // nil where there is none
	postern     *builtPostern
	tracer      *tracer // nil where there is none

	// The proxies that run, and how.
	running map[string]*peer
	setup   setup
	started int // how many proxies were, for their directories
}

// openLab prepares everything but the proxies. Close it at the end.
func openLab(ctx context.Context, o options) (_ *lab, err error) {
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	installations, err := postgres.Find(ctx, postgres.Search{BinDir: o.PGBin})
	if err != nil {
		return nil, err
	}
	account, err := postgres.LookupUser("postgres")
	if err != nil {
		return nil, err
	}
	l := &lab{options: o, running: map[string]*peer{}}
	if l.dir, err = makeDir(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.certificate, err = makeCertificate(l.dir, account); err != nil {
		return nil, err
	}
	if o.Peers.matches(pgbouncer) {
		if l.bouncer, err = findPgBouncer(ctx, o.PgBouncer, account); err != nil {
			return nil, err
		}
	}
	if o.Peers.matches(postern) {
		l.postern = &builtPostern{program: o.Postern, engine: o.Engine, mode: o.Mode}
		if o.Postern == "" {
			l.postern.program, err = buildPostern(ctx, l.dir)
		} else {
			l.postern.program, err = filepath.Abs(o.Postern)
		}
		if err != nil {
			return nil, err
		}
	}
	if o.Syscalls {
		l.tracer = findTracer(ctx, l.dir)
	}
	home := filepath.Join(l.dir, "postgres")
	if err := os.Mkdir(home, 0o755); err != nil {
		return nil, err
	}
	l.server, err = startServer(ctx, installations[0], account, home, o.Scale, l.certificate)
	return l, err
}

// raiseFileLimit makes room for ten thousand clients, here and in the proxies.
func raiseFileLimit() error {
	const wanted = 1 << 16
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read limit of open files: %w", err)
	}
	higher := unix.Rlimit{Cur: max(wanted, limit.Max), Max: max(wanted, limit.Max)}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &higher) == nil {
		return nil
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise limit of open files: %w", err)
	}
	return nil
}

// peer returns a running peer, or nil where there is none of this name. Other
// setups' proxies are stopped first; with fresh a running one is as well.
func (l *lab) peer(ctx context.Context, name string, setup setup, fresh bool) (*peer, error) {
	if !l.options.Peers.matches(name) {
		return nil, nil
	}
	if name == direct {
		return startDirect(l.server), nil
	}
	if setup != l.setup {
		l.stopPeers()
		l.setup = setup
	}
	if p := l.running[name]; p != nil {
		if !fresh {
			return p, nil
		}
		l.stopPeer(name)
	}
	p, err := l.start(ctx, name, setup)
	if err != nil || p == nil {
		return nil, err
	}
	l.running[name] = p
	if err := p.awaitReady(ctx); err != nil {
		l.stopPeer(name)
		return nil, err
	}
	return p, nil
}

func (l *lab) start(ctx context.Context, name string, setup setup) (*peer, error) {
	l.started++
	dir := filepath.Join(l.dir, name+strconv.Itoa(l.started))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	switch {
	case name == pgbouncer && l.bouncer != nil:
		return l.bouncer.start(ctx, dir, l.server, l.options.Backend, l.certificate, setup)
	case name == postern && l.postern != nil:
		return l.postern.start(ctx, dir, l.server, l.options.Backend, l.certificate, setup)
	}
	return nil, nil
}

func (l *lab) stopPeer(name string) {
	l.running[name].stop()
	delete(l.running, name)
}

func (l *lab) stopPeers() {
	for name := range l.running {
		l.stopPeer(name)
	}
}

// close ends and removes everything.
func (l *lab) close() error {
	l.stopPeers()
	if l.server != nil {
		l.server.stop()
	}
	return os.RemoveAll(l.dir)
}
