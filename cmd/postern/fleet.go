package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postern/catalog/membership"
	"postern/configs"
	"postern/proxy"
	"postern/wake"
)

// join makes this process one of the proxies of the catalog, if that can have several.
// It listens already.
func (d *daemon) join(ctx context.Context, store store) error {
	shared, ok := store.(membership.Store)
	if !ok {
		return nil
	}
	id, err := proxyID(d.dataDir)
	if err != nil {
		return err
	}
	config := d.inEffect.Load()
	d.member, err = membership.Join(ctx, membership.Config{
		Store:   shared,
		ID:      id,
		Address: peerAddress(config.Listen, d.listeners.postgres.Addr()),
		Lease:   time.Duration(config.Catalog.Lease),
		Log:     d.log,
	})
	if err != nil {
		return err
	}
	d.closers = append(d.closers, d.leave)
	return nil
}

// leaveTimeout bounds the goodbye to a catalog that may be away.
const leaveTimeout = 2 * time.Second

// leave lets the other proxies have what this one used.
func (d *daemon) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := d.member.Leave(ctx); err != nil {
		d.log.Warn("cannot take leave of the other proxies; they will notice", "error", err)
	}
}

// boot is this process's id in the catalog, "" where that is its alone.
func (d *daemon) boot() string {
	if d.member == nil {
		return ""
	}
	return d.member.Boot()
}

// gateFleet and proxyFleet are the member, or nil.
func (d *daemon) gateFleet() wake.Fleet {
	if d.member == nil {
		return nil
	}
	return d.member
}

func (d *daemon) proxyFleet() proxy.Fleet {
	if d.member == nil {
		return nil
	}
	return d.member
}

// adopt looks for instances that run and that no proxy answers for: at the start, and
// then, since other proxies may die, once in each lease.
func (d *daemon) adopt(ctx context.Context) error {
	for {
		if err := d.gate.Adopt(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("cannot look for running instances", "error", err)
		}
		if d.member == nil {
			return nil
		}
		select {
		case <-time.After(time.Duration(d.inEffect.Load().Catalog.Lease)):
		case <-ctx.Done():
			return nil
		}
	}
}

// peerAddress is where other proxies reach one that listens on addr; "" if that cannot
// be told.
func peerAddress(config configs.Listen, addr net.Addr) string {
	if config.PeerAddress != "" {
		return config.PeerAddress
	}
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return ""
	}
	return addr.String()
}

// proxyID returns the proxy's own id, which is made once and kept in the data
// directory. The caller holds that directory's lock, so no other process has it.
func proxyID(dataDir string) (string, error) {
	path := filepath.Join(dataDir, "proxy")
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read this proxy's id: %w", err)
	}
	id := strings.TrimSpace(string(content))
	if len(id) == len(membership.NewID()) {
		return id, nil
	}
	id = membership.NewID()
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write this proxy's id: %w", err)
	}
	return id, nil
}
