package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Setup is what Init writes into a new data directory besides initdb's files.
type Setup struct {
	// HBA are lines of pg_hba.conf behind Postern's own two, which are
	// "local all postgres peer map=postern" and "local all all scram-sha-256".
	HBA []string
	// Conf are lines behind those of initdb's postgresql.conf.
	Conf []string
}

// Init makes the data directory with initdb: superuser postgres, UTF8, locale
// C.UTF-8 (C where the system has none), WAL segments of 1 MiB. Only root and
// the cluster's own user get in as postgres, over the socket; every other role
// needs its password. All of it is on disk when Init returns. DataDir must not
// exist, its parent must.
func (c *Cluster) Init(ctx context.Context, s Setup) error {
	if err := os.Mkdir(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := c.User.Own(c.DataDir); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	out, err := c.initdb(ctx, "C.UTF-8")
	if err != nil && strings.Contains(out, "locale") {
		out, err = c.initdb(ctx, "C")
	}
	if err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, strings.TrimSpace(out))
	}
	account, err := c.User.accountName()
	if err != nil {
		return err
	}
	hba := "# Written by Postern.\nlocal all postgres peer map=postern\nlocal all all scram-sha-256\n" + lines(s.HBA)
	ident := "# Written by Postern: who may be postgres.\npostern root postgres\n"
	if account != "root" {
		ident += fmt.Sprintf("postern %q postgres\n", account)
	}
	if err := c.overwrite("pg_hba.conf", hba, os.O_TRUNC); err != nil {
		return err
	}
	if err := c.overwrite("pg_ident.conf", ident, os.O_TRUNC); err != nil {
		return err
	}
	if err := c.overwrite("postgresql.conf", "\n"+lines(s.Conf), os.O_APPEND); err != nil {
		return err
	}
	return Sync(c.DataDir)
}

func (c *Cluster) initdb(ctx context.Context, locale string) (output string, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.BinDir, "initdb"),
		"-D", c.DataDir, "-U", "postgres", "--encoding=UTF8", "--locale="+locale, "--lc-messages=C",
		"--wal-segsize=1", "--auth-local=peer", "--auth-host=reject", "--no-sync", "--no-instructions")
	cmd.Dir = c.DataDir
	cmd.Env = environment()
	cmd.SysProcAttr, err = c.User.attributes()
	if err != nil {
		return "", err
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// overwrite writes to a file that initdb made.
func (c *Cluster) overwrite(name, text string, how int) error {
	f, err := os.OpenFile(filepath.Join(c.DataDir, name), os.O_WRONLY|how, 0)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// lines joins complete lines.
func lines(of []string) string {
	if len(of) == 0 {
		return ""
	}
	return strings.Join(of, "\n") + "\n"
}
