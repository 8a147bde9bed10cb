package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"postern/catalog"
)

// replaceFile writes a file so that a reader, or a crash, sees the old content
// or the new one. The new file is prepared in .state, where nobody looks.
func (s *Store) replaceFile(path string, content []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Join(s.dir, stateDir), "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails once it is renamed
	_, err = file.Write(content)
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// removeFile removes a file for good; one that is not there is gone already.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// saveConfiguration writes the tenant's file, which keeps its mode.
func (s *Store) saveConfiguration(id catalog.TenantID, c configuration) error {
	content, err := c.encode(id)
	if err != nil {
		return fmt.Errorf("write tenant's file: %w", err)
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(s.path(id)); err == nil {
		mode = info.Mode().Perm()
	}
	if err := s.replaceFile(s.path(id), content, mode); err != nil {
		return fmt.Errorf("write tenant's file: %w", err)
	}
	return nil
}

// lockDir makes the directory this process's own until the file is closed.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, stateDir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another proxy uses this directory (%s is locked); a fleet needs the catalog in Postgres", path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}
