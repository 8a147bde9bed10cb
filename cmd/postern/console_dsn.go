package main

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"

	"postern/configs"
)

// consoleUser is the admin user that dev makes.
const consoleUser = "postern"

// consoleDSNFile is where dev leaves the console's connection string.
func consoleDSNFile(dataDir string) string { return filepath.Join(dataDir, "console.dsn") }

// withConsoleUser adds dev's admin user to config and returns its password: that of
// the last run, so that whoever has the connection string can keep it. Where the
// configuration has the user already, the password is "": nobody knows it.
func withConsoleUser(config *configs.Config, dataDir string) (password string, err error) {
	if _, ok := config.Auth.AdminUsers[consoleUser]; ok {
		return "", nil
	}
	if dsn, err := readConsoleDSN(dataDir); err == nil {
		password, _ = dsn.User.Password()
	}
	verifier, password, err := newCredential(password)
	if err != nil {
		return "", err
	}
	users := maps.Clone(config.Auth.AdminUsers)
	if users == nil {
		users = map[string]string{}
	}
	users[consoleUser] = verifier
	config.Auth.AdminUsers = users
	return password, nil
}

// writeConsoleDSN leaves the connection string for the console at address to
// whoever may read the data directory's secrets. Without a password there is none
// to leave, and an old one is removed.
func writeConsoleDSN(dataDir string, address net.Addr, password string) error {
	path := consoleDSNFile(dataDir)
	if password == "" {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("remove the console's connection string: %w", err)
		}
		return nil
	}
	file, err := os.CreateTemp(dataDir, ".console.dsn-*") // 0600
	if err != nil {
		return fmt.Errorf("write the console's connection string: %w", err)
	}
	_, err = fmt.Fprintln(file, consoleURL(address, consoleUser, password))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("write the console's connection string: %w", err)
	}
	return nil
}
