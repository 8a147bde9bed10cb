package filestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postern/catalog"
)

// stateDir is the directory within the store's own that is Postern's alone.
const stateDir = ".state"

// record is one tenant in memory. Its tenant is replaced, never written to.
type record struct {
	tenant    *catalog.Tenant
	greetings []catalog.Greeting // oldest first
	// file is the last good configuration, as it stood in the file.
	file configuration
}

// state is a record in .state/<id>.json.
type state struct {
	UID          string        `json:"uid"`
	Version      int64         `json:"version"`
	State        catalog.State `json:"state"`
	Generation   int64         `json:"generation"`
	Owner        string        `json:"owner,omitempty"`
	Deadline     time.Time     `json:"deadline,omitzero"`
	Failure      string        `json:"failure,omitempty"`
	CreatedAt    time.Time     `json:"created_at"`
	UpdatedAt    time.Time     `json:"updated_at"`
	LastActiveAt time.Time     `json:"last_active_at,omitzero"`
	DeletedAt    time.Time     `json:"deleted_at,omitzero"`
	// File is the last good configuration, with the roles that it names; Roles
	// are all of them as they are now.
	File      configuration `json:"file"`
	Roles     []role        `json:"roles"`
	Greetings []greeting    `json:"greetings"`
}

type greeting struct {
	Role       string            `json:"role"`
	Database   string            `json:"database"`
	Settings   map[string]string `json:"settings"`
	Parameters map[string]string `json:"parameters"`
}

func (s *Store) statePath(id catalog.TenantID) string {
	return filepath.Join(s.dir, stateDir, string(id)+".json")
}

// saveState files r.
func (s *Store) saveState(r *record) error {
	t := r.tenant
	saved := state{
		UID: t.UID, Version: t.Version, State: t.State, Generation: t.Generation,
		Owner: t.Owner, Deadline: t.Deadline, Failure: t.Failure,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, LastActiveAt: t.LastActiveAt, DeletedAt: t.DeletedAt,
		File: r.file,
	}
	for _, name := range slices.Sorted(maps.Keys(t.Roles)) {
		r := t.Roles[name]
		saved.Roles = append(saved.Roles, role{r.Name, r.Verifier, &r.CanLogin, r.ValidUntil, r.ReadOnly})
	}
	for _, g := range r.greetings {
		saved.Greetings = append(saved.Greetings, greeting(g))
	}
	content, err := json.MarshalIndent(saved, "", "\t")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := s.replaceFile(s.statePath(t.ID), append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// loadState returns the record that was filed last, nil if there is none.
func (s *Store) loadState(id catalog.TenantID) (*record, error) {
	content, err := os.ReadFile(s.statePath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	var saved state
	if err := json.Unmarshal(content, &saved); err != nil {
		return nil, fmt.Errorf("read state %s: %w", s.statePath(id), err)
	}
	t := &catalog.Tenant{
		ID: id, UID: saved.UID, State: saved.State, Generation: saved.Generation,
		Owner: saved.Owner, Deadline: saved.Deadline, Failure: saved.Failure,
		LastActiveAt: saved.LastActiveAt, DeletedAt: saved.DeletedAt,
		Roles: rolesByName(saved.Roles),
	}
	saved.File.configure(t)
	if t, err = catalog.Created(t, saved.CreatedAt); err != nil { // for the stored form
		return nil, fmt.Errorf("read state %s: %w", s.statePath(id), err)
	}
	t.Version, t.UpdatedAt = saved.Version, saved.UpdatedAt
	r := &record{tenant: t, file: saved.File}
	for _, g := range saved.Greetings {
		r.greetings = append(r.greetings, catalog.Greeting(g))
	}
	t.Greetings = catalog.GreetingsByKey(r.greetings)
	return r, nil
}
