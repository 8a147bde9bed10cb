package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"postern/wake/postgres"
)

// bouncer is an installed PgBouncer.
type bouncer struct {
	program string
	version string // such as "1.18.0"
	account postgres.User
}

// findPgBouncer looks for it, on PATH and where Debian has it. Without any, and
// if none was named, it returns nil.
func findPgBouncer(ctx context.Context, named string, account postgres.User) (*bouncer, error) {
	program, err := exec.LookPath(cmp.Or(named, "pgbouncer"))
	if err != nil && named == "" {
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		if named == "" {
			return nil, nil
		}
		return nil, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	return &bouncer{program: program, version: strings.TrimPrefix(version(ctx, program), "PgBouncer "), account: account}, nil
}

// tracksPrepared reports whether prepared statements of the protocol work with
// transaction pooling, which they do from 1.21 on.
func (b *bouncer) tracksPrepared() bool {
	var major, minor int
	fmt.Sscanf(b.version, "%d.%d", &major, &minor)
	return major > 1 || minor >= 21
}

// start runs it in dir, which is its own.
func (b *bouncer) start(ctx context.Context, dir string, s *server, backend string, certificate certificate, setup setup) (*peer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &peer{
		name: pgbouncer, mode: "transaction", address: fmt.Sprintf("127.0.0.1:%d", port), login: s.login, pool: setup.pool,
		identity: func(tenant int) identity { return identity{roleName, fmt.Sprintf("t%d", tenant)} },
	}
	if setup.prepared && !b.tracksPrepared() {
		p.mode, p.pool = "session", max(p.pool, setup.clients)
		p.note = fmt.Sprintf("PgBouncer %s cannot pool prepared statements by transaction: measured in session mode with a pool of %d", b.version, p.pool)
	}
	userFile, configFile := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	err = errors.Join(
		os.WriteFile(userFile, fmt.Appendf(nil, "%q %q\n", roleName, s.login.verifier.String()), 0o600),
		os.WriteFile(configFile, []byte(b.config(p, port, userFile, s, backend, certificate, setup.tenants)), 0o600),
		b.account.Own(dir), b.account.Own(userFile), b.account.Own(configFile),
	)
	if err != nil {
		return nil, err
	}
	command := exec.Command(b.program, configFile)
	command.Dir = dir
	if os.Geteuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: b.account.UID, Gid: b.account.GID}}
	}
	if p.process, err = startProcess(pgbouncer, command, filepath.Join(dir, "log"), setup.pinned); err != nil {
		return nil, err
	}
	return p, nil
}

func (b *bouncer) config(p *peer, port int, userFile string, s *server, backend string, certificate certificate, tenants int) string {
	var text strings.Builder
	text.WriteString("[databases]\n")
	for tenant := range max(tenants, 1) {
		fmt.Fprintf(&text, "t%d = host=%s port=%d dbname=%s\n", tenant, s.host(backend), s.cluster.Port, databaseName)
	}
	fmt.Fprintf(&text, `[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = %s
default_pool_size = %d
max_client_conn = 20000
client_tls_sslmode = allow
client_tls_cert_file = %s
client_tls_key_file = %s
server_tls_sslmode = disable
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
log_stats = 0
`, port, userFile, p.mode, p.pool, certificate.certFile, certificate.keyFile)
	if b.tracksPrepared() {
		text.WriteString("max_prepared_statements = 200\n")
	}
	return text.String()
}
