package postgres

import (
	"errors"
	"io/fs"
	"os"
)

// WriteFile puts a file of the user's into dir: whatever happens, it is there
// either as it was or complete. The directory may be the user's own while this
// process is root, so it goes by os.Root and follows no link out of it.
func (u User) WriteFile(dir *os.Root, name, text string) error {
	temporary := name + ".new"
	if err := dir.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := dir.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if u != (User{}) {
		if err := f.Chown(int(u.UID), int(u.GID)); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return dir.Rename(temporary, name)
}
