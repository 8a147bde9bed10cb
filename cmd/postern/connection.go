package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"postern/catalog/api/client"
)

// connection is how a command finds a running Postern: by --server and a token,
// or else by the control socket in the data directory.
type connection struct {
	app     *app
	server  string
	token   string
	dataDir string
}

// addConnection gives cmd and those below it the flags of a connection.
func addConnection(a *app, cmd *cobra.Command) *connection {
	c := &connection{app: a}
	flags := cmd.PersistentFlags()
	flags.StringVar(&c.server, "server", "", "`URL` of the Postern to talk to (default: the control socket)")
	flags.StringVar(&c.token, "token", "", "API `token` for --server (default: $POSTERN_TOKEN, or what $POSTERN_TOKEN_FILE holds)")
	flags.StringVar(&c.dataDir, "data-dir", "", "data `directory` with the control socket (default: $POSTERN_DATA_DIR, or as for dev)")
	return c
}

// client returns a client for the Postern to talk to. Nothing is dialled yet.
func (c *connection) client() (*client.Client, error) {
	if c.server != "" {
		token, err := c.findToken()
		if err != nil {
			return nil, err
		}
		server, err := client.Server(c.server, token)
		if err != nil {
			return nil, usageErrorf("%w", err)
		}
		return server, nil
	}
	socket, err := c.socket()
	if err != nil {
		return nil, err
	}
	return client.Socket(socket), nil
}

func (c *connection) findToken() (string, error) {
	if c.token != "" {
		return c.token, nil
	}
	token, file := c.app.getenv("POSTERN_TOKEN"), c.app.getenv("POSTERN_TOKEN_FILE")
	if token != "" && file != "" {
		return "", usageErrorf("POSTERN_TOKEN is set, and so is POSTERN_TOKEN_FILE; set one of them")
	}
	if file == "" {
		return token, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", usageErrorf("read POSTERN_TOKEN_FILE: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func (c *connection) socket() (string, error) {
	dir := c.dataDir
	if dir == "" {
		var err error
		if dir, err = c.app.defaultDataDir(); err != nil {
			return "", err
		}
	}
	return controlSocket(dir), nil
}

// explain adds to an error of a call what can be done about it here.
func (c *connection) explain(err error) error {
	if !errors.Is(err, client.ErrUnreachable) || c.server != "" {
		return err
	}
	socket, socketErr := c.socket()
	if socketErr != nil {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &exitError{
			code: exitUnavailable,
			err:  fmt.Errorf("no Postern runs on the data directory %s", filepath.Dir(socket)),
			hint: "Start one, or name another with --data-dir or --server.",
		}
	case errors.Is(err, fs.ErrPermission):
		return &exitError{
			code: exitRefused,
			err:  fmt.Errorf("%s is not yours to use", socket),
			hint: "Be the user that runs Postern.",
		}
	}
	return err
}

// ask makes one call to the Postern to talk to.
func ask[T any](c *connection, call func(*client.Client) (*T, error)) (*T, error) {
	postern, err := c.client()
	if err != nil {
		return nil, err
	}
	defer postern.Close()
	answer, err := call(postern)
	if err != nil {
		return nil, c.explain(err)
	}
	return answer, nil
}
