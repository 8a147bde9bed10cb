package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// builtPostern is the program that is measured.
type builtPostern struct {
	program string
	engine  string // "" for its default
	mode    string // "" for transaction, with session as fallback
}

// start runs `postern serve` in dir, with tenants in files that all lead to the
// same database.
func (b *builtPostern) start(ctx context.Context, dir string, s *server, backend string, certificate certificate, setup setup) (*peer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p := &peer{
		name: postern, address: address, login: s.login, pool: setup.pool, dataDir: filepath.Join(dir, "data"),
		identity: func(tenant int) identity { return identity{fmt.Sprintf("%s.t%d", roleName, tenant), databaseName} },
	}
	tenants, configFile := filepath.Join(dir, "tenants"), filepath.Join(dir, "postern.toml")
	if err := writeTenants(tenants, s, backend, setup.tenants); err != nil {
		return nil, err
	}
	if err := b.configure(ctx, p, configFile, tenants, certificate); err != nil {
		return nil, err
	}
	command := exec.Command(b.program, "serve", "--config", configFile, "--data-dir", p.dataDir)
	command.Dir, command.Env = dir, withoutSettings(os.Environ())
	if p.process, err = startProcess(postern, command, filepath.Join(dir, "log"), setup.pinned); err != nil {
		return nil, err
	}
	return p, nil
}

// configure writes a configuration that this Postern accepts.
func (b *builtPostern) configure(ctx context.Context, p *peer, file, tenants string, certificate certificate) error {
	modes := []string{"transaction", "session"}
	if b.mode != "" {
		modes = []string{b.mode}
	}
	var refusals []error
	for _, mode := range modes {
		if err := os.WriteFile(file, []byte(b.config(p, mode, tenants, certificate)), 0o600); err != nil {
			return err
		}
		check := exec.CommandContext(ctx, b.program, "config", "check", file)
		check.Env = withoutSettings(os.Environ())
		output, err := check.CombinedOutput()
		if err == nil {
			if p.mode = mode; len(refusals) > 0 {
				p.note = "Postern refuses transaction pooling: measured in session mode, with a server connection for each client"
			}
			return nil
		}
		refusals = append(refusals, fmt.Errorf("postern config check: %w: %s", err, output))
	}
	return errors.Join(refusals...)
}

func (b *builtPostern) config(p *peer, mode, tenants string, certificate certificate) string {
	engine := ""
	if b.engine != "" {
		engine = fmt.Sprintf("engine = %q", b.engine)
	}
	return fmt.Sprintf(`[listen]
postgres = %q
[http]
listen = "127.0.0.1:0"
[tls]
mode = "allow"
certificates = [{ cert = %q, key = %q }]
[catalog]
store = "files"
dir = %q
[pool]
pool_mode = %q
default_pool_size = %d
%s
[limits]
max_client_conn = 20000
[log]
level = "warn"
[drain]
timeout = "0s"
`, p.address, certificate.certFile, certificate.keyFile, tenants, mode, p.pool, engine)
}

// withoutSettings leaves out of an environment what would win over the file.
func withoutSettings(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool { return strings.HasPrefix(variable, "POSTERN_") })
}

// writeTenants writes a file for each tenant.
func writeTenants(dir string, s *server, backend string, tenants int) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for tenant := range max(tenants, 1) {
		text := fmt.Sprintf(`driver = "static"
[backend]
host = %q
port = %d
tls = "disable"
[[roles]]
name = %q
verifier = %q
`, s.host(backend), s.cluster.Port, roleName, s.login.verifier.String())
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("t%d.toml", tenant)), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
