package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"postern/wake/postgres"
)

// The role and the database that everything is measured with.
const (
	roleName     = "bench"
	databaseName = "bench"
)

// server is the PostgreSQL behind everything that is measured.
type server struct {
	cluster  *postgres.Cluster
	instance *postgres.Instance
	login    login
}

// serverSettings keep the disk out of the measurements; what is measured is in
// memory in any case.
func serverSettings(port int, certificate certificate) map[string]string {
	return map[string]string{
		"listen_addresses": "127.0.0.1", "port": strconv.Itoa(port),
		"max_connections": "1000", "shared_buffers": "512MB", "max_wal_size": "4GB",
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
		"ssl": "on", "ssl_cert_file": certificate.certFile, "ssl_key_file": certificate.keyFile,
		"log_min_messages": "fatal",
	}
}

// startServer makes and starts the server in dir and fills pgbench's tables.
func startServer(ctx context.Context, installation postgres.Installation, user postgres.User, dir string, scale int, certificate certificate) (_ *server, err error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{login: newLogin()}
	s.cluster = &postgres.Cluster{
		Installation: installation, User: user, Port: port,
		DataDir: filepath.Join(dir, "data"), SocketDir: filepath.Join(dir, "socket"), LogFile: filepath.Join(dir, "postgres.log"),
		Settings: serverSettings(port, certificate),
	}
	delete(s.cluster.Settings, "port")
	if err := os.Mkdir(s.cluster.SocketDir, 0o755); err != nil {
		return nil, err
	}
	if err := errors.Join(user.Own(dir), user.Own(s.cluster.SocketDir)); err != nil {
		return nil, err
	}
	if err := s.cluster.Init(ctx, postgres.Setup{HBA: []string{"host all all 127.0.0.0/8 scram-sha-256"}}); err != nil {
		return nil, err
	}
	if s.instance, err = s.cluster.Start(ctx); err != nil {
		return nil, err
	}
	if err := s.fill(ctx, scale); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) fill(ctx context.Context, scale int) error {
	superuser, err := pgx.Connect(ctx, fmt.Sprintf("host='%s' port=%d user=postgres dbname=postgres sslmode=disable", s.cluster.SocketDir, s.cluster.Port))
	if err != nil {
		return err
	}
	defer superuser.Close(ctx)
	for _, statement := range []string{
		"create role " + roleName + " login password '" + s.login.verifier.String() + "'",
		"create database " + databaseName + " owner " + roleName,
	} {
		if _, err := superuser.Exec(ctx, statement); err != nil {
			return errors.New("prepare the server: " + statement[:12] + "… failed") // no verifier in an error
		}
	}
	command := exec.CommandContext(ctx, s.program("pgbench"), "-i", "-q", "-s", strconv.Itoa(scale),
		"-h", "127.0.0.1", "-p", strconv.Itoa(s.cluster.Port), "-U", roleName, databaseName)
	command.Env = s.login.environment(false)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("run pgbench -i: %w: %s", err, output)
	}
	_, err = superuser.Exec(ctx, "checkpoint")
	if err != nil {
		return err
	}
	own, err := pgx.Connect(ctx, fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s dbname=%s sslmode=disable", s.cluster.Port, roleName, s.login.password, databaseName))
	if err != nil {
		return err
	}
	defer own.Close(ctx)
	_, err = own.Exec(ctx, "create unlogged table copied (line text)")
	return err
}

// program is the path of a program of this installation, or its name where the
// installation has it not.
func (s *server) program(name string) string {
	path := filepath.Join(s.cluster.BinDir, name)
	if _, err := os.Stat(path); err != nil {
		return name
	}
	return path
}

// address is where clients reach it.
func (s *server) address() string { return "127.0.0.1:" + strconv.Itoa(s.cluster.Port) }

// host is what the proxies call it: an address, or the directory of its socket.
func (s *server) host(backend string) string {
	if backend == "unix" {
		return s.cluster.SocketDir
	}
	return "127.0.0.1"
}

// stop ends it, whatever is going on there.
func (s *server) stop() {
	if err := s.instance.Stop(context.Background(), postgres.Immediate); err != nil {
		fmt.Fprintln(os.Stderr, "bench: stop PostgreSQL:", err)
	}
	s.instance.Release()
}

// version of a program, of the first line that `program --version` prints.
func version(ctx context.Context, program string) string {
	output, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(output), "\n")
	return line
}
