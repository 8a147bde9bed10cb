package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postern/catalog"
	"postern/wake"
)

// The mark of a home says whose it is: provisioning while it is being made, uid
// from then on. Each holds the UID of the tenant.
const (
	provisioningMark = "provisioning"
	completeMark     = "uid"
)

// mark is what a home's mark says; "" for one that is not there.
type mark struct {
	uid      string
	complete bool
}

func (h home) mark() (mark, error) {
	for _, m := range []struct {
		name     string
		complete bool
	}{{completeMark, true}, {provisioningMark, false}} {
		b, err := os.ReadFile(filepath.Join(h.dir, m.name))
		if err == nil {
			return mark{uid: strings.TrimSpace(string(b)), complete: m.complete}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return mark{}, fmt.Errorf("read whose directory it is: %w", err)
		}
	}
	return mark{}, nil
}

// belongs answers nil if the home is complete and t's, ErrNotProvisioned if
// there is none or only a part of one, and a FailedError if it holds the data of
// somebody else.
func (h home) belongs(t *catalog.Tenant) error {
	m, err := h.mark()
	if err != nil {
		return err
	}
	_, err = os.Stat(h.dataDir())
	switch {
	case m.uid != "" && !m.complete, errors.Is(err, fs.ErrNotExist):
		return wake.ErrNotProvisioned
	case err != nil:
		return fmt.Errorf("look at data directory: %w", err)
	case m.uid == t.UID:
		return nil
	}
	whose := "of a tenant with the uid " + m.uid
	if m.uid == "" {
		whose = "of nobody knows whom"
	}
	return &wake.FailedError{
		Reason: fmt.Sprintf("%s holds the data %s, not of this tenant", h.dir, whose),
		Hint: fmt.Sprintf("Move the directory away; or if the data is this tenant's, write its uid %s to %s.",
			t.UID, filepath.Join(h.dir, completeMark)),
	}
}

// begin marks a home that is being made.
func (h home) begin(uid string) error {
	dir, err := os.OpenRoot(h.dir)
	if err != nil {
		return fmt.Errorf("mark instance: %w", err)
	}
	defer dir.Close()
	if err := h.user.WriteFile(dir, provisioningMark, uid+"\n"); err != nil {
		return fmt.Errorf("mark instance: %w", err)
	}
	return nil
}

// finish marks it complete.
func (h home) finish() error {
	if err := os.Rename(filepath.Join(h.dir, provisioningMark), filepath.Join(h.dir, completeMark)); err != nil {
		return fmt.Errorf("mark instance: %w", err)
	}
	return syncDir(h.dir)
}

// syncDir puts a rename in dir on disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
