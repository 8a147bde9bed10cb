package filestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// secretSize is the size of the proxy's secret, in bytes.
const secretSize = 32

// Secret returns the proxy's secret, made at the first call and kept in .state.
func (s *Store) Secret(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, stateDir, "secret")
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		secret = make([]byte, secretSize)
		rand.Read(secret)
		err = s.replaceFile(path, secret, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("read the proxy's secret: %w", err)
	}
	return secret, nil
}
