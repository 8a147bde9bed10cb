package pgtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"postern/wake/postgres"
)

// The recipe of the data directory that every server begins with. Whoever
// changes it changes the name of the template, which is then made anew.
var (
	templateHBA = []string{
		"local replication all scram-sha-256",
		"host all all 127.0.0.1/32 scram-sha-256",
		"host replication all 127.0.0.1/32 scram-sha-256",
	}
	templateSQL = []string{
		"ALTER ROLE postgres PASSWORD '" + Password + "'",
		"CREATE ROLE app LOGIN CREATEDB PASSWORD '" + Password + "'",
		"CREATE DATABASE app OWNER app",
	}
)

// makeDataDir makes the cluster's data directory: a copy of the template for
// its version, which is made once and kept in the cache. Without a place for a
// cache it is made from scratch, which takes a second.
func makeDataDir(ctx context.Context, c *postgres.Cluster) error {
	cache := filepath.Join(cacheDirs()[0], "pgtest")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return populate(ctx, c)
	}
	recipe := sha256.Sum256([]byte(fmt.Sprint(c.BinDir, c.User, templateHBA, templateSQL)))
	template := filepath.Join(cache, fmt.Sprintf("%s-%x", c.Version, recipe[:6]))
	if err := ensureTemplate(ctx, c, template); err != nil {
		return fmt.Errorf("make template: %w", err)
	}
	return postgres.Clone(ctx, c.User, template, c.DataDir)
}

// ensureTemplate makes the template if it is not there, once however many test
// processes want it.
func ensureTemplate(ctx context.Context, c *postgres.Cluster, template string) error {
	lock, err := os.OpenFile(template+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	if _, err := os.Stat(template); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := template + ".part"
	if err := errors.Join(os.RemoveAll(part), os.Mkdir(part, 0o700), c.User.Own(part)); err != nil {
		return err
	}
	guard, err := guardDir(part)
	if err != nil {
		return err
	}
	defer guard.dismiss()
	defer os.RemoveAll(part)
	making := *c
	making.DataDir, making.SocketDir, making.LogFile = filepath.Join(part, "data"), c.SocketDir, filepath.Join(part, "postgres.log")
	if err := populate(ctx, &making); err != nil {
		return err
	}
	return os.Rename(making.DataDir, template)
}

// populate makes a data directory from scratch.
func populate(ctx context.Context, c *postgres.Cluster) error {
	if err := c.Init(ctx, postgres.Setup{HBA: templateHBA}); err != nil {
		return err
	}
	making := *c
	making.Settings = settings(c.Major)
	delete(making.Settings, "listen_addresses")
	instance, err := making.Start(ctx)
	if err != nil {
		return err
	}
	defer instance.Release()
	for _, sql := range templateSQL {
		if _, err := execute(ctx, making.SocketDir, postgres.DefaultPort, "postgres", sql); err != nil {
			stopped := instance.Stop(context.WithoutCancel(ctx), postgres.Immediate)
			return errors.Join(fmt.Errorf("%s …: %w", strings.Fields(sql)[0], err), stopped)
		}
	}
	return instance.Stop(ctx, postgres.Fast)
}
