package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// newConsoleCommand returns `postern console`.
func newConsoleCommand(a *app) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "console [-- ARGUMENT…]",
		Short: "Run psql on the admin console",
		Long: `Run psql on the admin console of the Postern that 'postern dev' runs on a data
directory; SHOW HELP lists its commands. What stands behind -- goes to psql. The
console of a 'postern serve' is the database "postern" of its address, for the
users in auth.admin_users and auth.stats_users.`,
		Example: "  postern console -- -c 'SHOW POOLS'",
		Args: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash < 0 {
				dash = len(args)
			}
			return arguments()(cmd, args[:dash])
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data `directory` of the Postern (default: $POSTERN_DATA_DIR, or as for dev)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		dir, err := a.absoluteDataDir(dataDir)
		if err != nil {
			return err
		}
		dsn, err := readConsoleDSN(dir)
		if err != nil {
			return err
		}
		psql, err := findPsql()
		if err != nil {
			return err
		}
		arguments, env := psqlOf(dsn, a.env)
		return fmt.Errorf("run %s: %w", psql, a.exec(psql, append(arguments, args...), env))
	}
	return cmd
}

// readConsoleDSN reads what dev has written.
func readConsoleDSN(dataDir string) (*url.URL, error) {
	path := consoleDSNFile(dataDir)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &exitError{
			code: exitNotFound,
			err:  fmt.Errorf("there is no %s", path),
			hint: "'postern dev' writes it. Elsewhere run psql on the database postern as one of auth.admin_users.",
		}
	case errors.Is(err, fs.ErrPermission):
		return nil, &exitError{code: exitRefused, err: fmt.Errorf("%s is not yours to read", path), hint: "Be the user that runs Postern."}
	case err != nil:
		return nil, err
	}
	dsn, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil || dsn.User == nil || dsn.Port() == "" {
		// The error would show the password.
		return nil, fmt.Errorf("%s holds no connection string", filepath.Base(path))
	}
	return dsn, nil
}

// psqlOf returns the arguments and the environment of a psql that connects by dsn.
// The password goes into the environment: arguments can be seen by everybody.
func psqlOf(dsn *url.URL, env []string) (arguments, environment []string) {
	password, _ := dsn.User.Password()
	environment = slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "PGPASSWORD" || name == "PGSERVICE" || name == "PGHOSTADDR" || name == "PGOPTIONS"
	})
	return []string{
		"psql",
		"--host=" + dsn.Hostname(),
		"--port=" + dsn.Port(),
		"--username=" + dsn.User.Username(),
		"--dbname=" + strings.TrimPrefix(dsn.Path, "/"),
	}, append(environment, "PGPASSWORD="+password)
}

// consoleURL is how a user connects to the console at address.
func consoleURL(address net.Addr, user, password string) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		host, port = "127.0.0.1", "6432"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: net.JoinHostPort(host, port), Path: "/postern"}
	return u.String()
}
