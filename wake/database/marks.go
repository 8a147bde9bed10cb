package database

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postern/catalog"
)

// standing is how far a tenant's databases have come, by the name of the directory
// that its mark is in.
type standing string

const (
	none   standing = "" // no mark
	making standing = "making"
	made   standing = "made"
	kept   standing = "kept"
)

// marks are the files that tell what there is in the instance while that sleeps.
type marks struct{ dir string }

func (m marks) prepare() error {
	for _, name := range []string{string(making), string(made), string(kept), "awake"} {
		if err := os.MkdirAll(filepath.Join(m.dir, name), 0o700); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	return nil
}

func (m marks) path(s standing, uid string) string { return filepath.Join(m.dir, string(s), uid) }

// standing is the tenant's.
func (m marks) standing(uid string) (standing, error) {
	for _, s := range []standing{made, kept, making} {
		_, err := os.Stat(m.path(s, uid))
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return none, fmt.Errorf("look for the tenant's mark: %w", err)
		}
	}
	return none, nil
}

// begin marks a tenant that is being made.
func (m marks) begin(t *catalog.Tenant) error {
	err := os.WriteFile(m.path(making, t.UID), []byte(t.ID+"\n"), 0o600)
	if err == nil {
		err = syncDir(filepath.Join(m.dir, string(making)))
	}
	if err != nil {
		return fmt.Errorf("mark tenant: %w", err)
	}
	return nil
}

// move takes the tenant from one standing to another.
func (m marks) move(uid string, from, to standing) error {
	err := os.Rename(m.path(from, uid), m.path(to, uid))
	for _, s := range []standing{to, from} {
		if err == nil {
			err = syncDir(filepath.Join(m.dir, string(s)))
		}
	}
	if err == nil {
		now := time.Now()
		err = os.Chtimes(m.path(to, uid), now, now) // EmptyTrash goes by it
	}
	if err != nil {
		return fmt.Errorf("mark tenant: %w", err)
	}
	return nil
}

// remove takes every mark from the tenant.
func (m marks) remove(uid string) error {
	for _, s := range []standing{making, made, kept} {
		if err := os.Remove(m.path(s, uid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("unmark tenant: %w", err)
		}
	}
	return nil
}

// keptBefore lists the tenants that were deleted before a time.
func (m marks) keptBefore(limit time.Time) (uids []string, err error) {
	all, err := m.list(kept)
	for _, uid := range all {
		info, err := os.Stat(m.path(kept, uid))
		if err == nil && !info.ModTime().After(limit) {
			uids = append(uids, uid)
		}
	}
	return uids, err
}

// list returns the UIDs of those of one standing.
func (m marks) list(s standing) (uids []string, err error) {
	entries, err := os.ReadDir(filepath.Join(m.dir, string(s)))
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	for _, e := range entries {
		uids = append(uids, e.Name())
	}
	return uids, nil
}

// wake marks the tenant awake in a run of the instance, and returns a token that
// every call returns until sleep.
func (m marks) wake(uid, run string) (token string, err error) {
	path := filepath.Join(m.dir, "awake", uid+"@"+run)
	fresh := make([]byte, 8)
	rand.Read(fresh)
	for {
		// A link is made whole or not at all, and tells who was first.
		token = hex.EncodeToString(fresh)
		err = os.Symlink(token, path)
		if errors.Is(err, fs.ErrExist) {
			token, err = os.Readlink(path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("mark tenant awake: %w", err)
	}
	return token, nil
}

// sleep ends what wake has begun, in whichever run.
func (m marks) sleep(uid string) error {
	return m.removeAwake(func(of, _ string) bool { return of == uid })
}

// forgetOtherRuns removes the marks of those who were awake when the instance ended
// by itself.
func (m marks) forgetOtherRuns(run string) error {
	return m.removeAwake(func(_, in string) bool { return in != run })
}

func (m marks) removeAwake(which func(uid, run string) bool) error {
	return m.eachAwake(func(uid, run string) error {
		if !which(uid, run) {
			return nil
		}
		err := os.Remove(filepath.Join(m.dir, "awake", uid+"@"+run))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// isAwake reports whether the tenant is marked awake.
func (m marks) isAwake(uid string) (awake bool, err error) {
	err = m.eachAwake(func(of, _ string) error {
		awake = awake || of == uid
		return nil
	})
	return awake, err
}

// anyAwake reports whether any tenant is.
func (m marks) anyAwake() (awake bool, err error) {
	err = m.eachAwake(func(string, string) error {
		awake = true
		return nil
	})
	return awake, err
}

func (m marks) eachAwake(do func(uid, run string) error) error {
	entries, err := os.ReadDir(filepath.Join(m.dir, "awake"))
	if err != nil {
		return fmt.Errorf("list tenants that are awake: %w", err)
	}
	for _, e := range entries {
		uid, run, _ := strings.Cut(e.Name(), "@")
		if err := do(uid, run); err != nil {
			return fmt.Errorf("unmark tenant: %w", err)
		}
	}
	return nil
}

// syncDir puts changes of a directory on disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
