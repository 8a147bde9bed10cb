package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"postern/wake"
	"postern/wake/superuser"
)

// copy dumps one database straight into another, which is empty. The names are those
// of the instances.
func (p programs) copy(ctx context.Context, from wake.Endpoint, fromDatabase string, to wake.Endpoint, toDatabase string) error {
	source, err := connectionString(from, fromDatabase)
	if err != nil {
		return err
	}
	target, err := connectionString(to, toDatabase)
	if err != nil {
		return err
	}
	// The rights on PostgreSQL's own catalogs are the instance's, not the tenant's.
	dump := program(ctx, p.dump, "--format=custom", "--compress=0", "--no-subscriptions", "--exclude-schema=pg_catalog", "--dbname="+source)
	restore := program(ctx, p.restore, "--exit-on-error", "--single-transaction", "--dbname="+target)
	reading, writing, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	dump.Stdout, restore.Stdin = writing, reading
	var dumped, restored complaint
	dump.Stderr, restore.Stderr = &dumped, &restored
	err = restore.Start()
	reading.Close()
	if err != nil {
		writing.Close()
		return fmt.Errorf("run pg_restore: %w", err)
	}
	dumpErr := dump.Run()
	writing.Close()
	restoreErr := restore.Wait() // which fails if the dump has no end
	return errors.Join(failure("pg_dump", dumpErr, &dumped), failure("pg_restore", restoreErr, &restored))
}

func failure(program string, err error, said *complaint) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("run %s: %w: %s", program, err, strings.TrimSpace(said.String()))
}

// complaint is what a program has said on standard error, the beginning of it.
type complaint struct{ bytes.Buffer }

// Write keeps what there is room for.
func (c *complaint) Write(b []byte) (int, error) {
	c.Buffer.Write(b[:min(len(b), max(0, 4096-c.Len()))])
	return len(b), nil
}

// program prepares one, with nothing of the environment that libpq would heed.
func program(ctx context.Context, path string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, arguments...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "PGAPPNAME=" + superuser.ApplicationName}
	cmd.Dir = "/"
	return cmd
}

// connectionString is libpq's for a superuser's session over a private socket.
func connectionString(e wake.Endpoint, database string) (string, error) {
	dir, file := filepath.Split(e.Address)
	port, ok := strings.CutPrefix(file, ".s.PGSQL.")
	if e.Network != "unix" || !ok {
		return "", errors.New("the instance has no private socket")
	}
	if _, err := strconv.Atoi(port); err != nil {
		return "", fmt.Errorf("read port of socket %s: %w", e.Address, err)
	}
	return fmt.Sprintf("host='%s' port=%s user='%s' dbname='%s' sslmode=disable passfile=''",
		escape(filepath.Clean(dir)), port, escape(e.Superuser), escape(database)), nil
}

func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value)
}
