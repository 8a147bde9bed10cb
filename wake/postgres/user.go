package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// User is the operating system account that Postgres runs as. The zero value
// is the account that this process runs as.
type User struct {
	Name     string
	UID, GID uint32
}

// ErrRoot: Postgres does not run as root, so a root process has to name
// another account.
var ErrRoot = errors.New("PostgreSQL does not run as root: name another account with --pg-user")

// LookupUser returns the account that Postgres is to run as. Only root can
// choose: for everybody else it is oneself, whatever the name.
func LookupUser(name string) (User, error) {
	if os.Geteuid() != 0 {
		return User{}, nil
	}
	if name == "" {
		return User{}, ErrRoot
	}
	account, err := user.Lookup(name)
	if err != nil {
		return User{}, fmt.Errorf("look up account %q: %w", name, err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return User{}, fmt.Errorf("look up account %q: user id: %w", name, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return User{}, fmt.Errorf("look up account %q: group id: %w", name, err)
	}
	if uid == 0 {
		return User{}, ErrRoot
	}
	return User{Name: account.Username, UID: uint32(uid), GID: uint32(gid)}, nil
}

// Own gives path to the user, if that is another account than this process's.
// It does not follow a symbolic link.
func (u User) Own(path string) error {
	if u == (User{}) {
		return nil
	}
	return os.Lchown(path, int(u.UID), int(u.GID))
}

// uid is the user id that processes of this user have.
func (u User) uid() uint32 {
	if u == (User{}) {
		return uint32(os.Geteuid())
	}
	return u.UID
}

// accountName is the name that peer authentication sees.
func (u User) accountName() (string, error) {
	if u.Name != "" {
		return u.Name, nil
	}
	account, err := user.LookupId(strconv.Itoa(int(u.uid())))
	if err != nil {
		return "", fmt.Errorf("look up own account: %w", err)
	}
	return account.Username, nil
}

// attributes makes a child run as the user, in a session of its own.
func (u User) attributes() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	if u == (User{}) {
		if os.Geteuid() == 0 {
			return nil, ErrRoot
		}
		return attr, nil
	}
	if int(u.UID) != os.Geteuid() {
		attr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID}
	}
	return attr, nil
}

// CheckOwner says so if path is not the user's; Postgres refuses a data
// directory that is not.
func (u User) CheckOwner(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at owner: %w", err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != u.uid() {
		return fmt.Errorf("%s belongs to the user id %d, and Postgres would run as %d", path, owner, u.uid())
	}
	return nil
}
