package filestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postern/catalog"
)

// operation is an operation in .state/operations/<id>.json.
type operation struct {
	Tenant    catalog.TenantID       `json:"tenant"`
	Kind      string                 `json:"kind"`
	State     catalog.OperationState `json:"state"`
	Failure   string                 `json:"failure,omitempty"`
	Deadline  time.Time              `json:"deadline"`
	CreatedAt time.Time              `json:"created_at"`
	UpdatedAt time.Time              `json:"updated_at"`
}

// FileOperation keeps the record of an operation, and drops those that are too old.
func (s *Store) FileOperation(ctx context.Context, o catalog.Operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(s.operationsDir(), 0o700); err != nil {
		return fmt.Errorf("file operation: %w", err)
	}
	if err := s.dropOperations(o.CreatedAt.Add(-catalog.KeepOperations)); err != nil {
		return fmt.Errorf("drop old operations: %w", err)
	}
	return s.saveOperation(o)
}

// MoveOperation files the next state of an operation; one that is over stays as it
// is.
func (s *Store) MoveOperation(ctx context.Context, id string, to catalog.OperationState, failure string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.loadOperation(ctx, id)
	if err != nil || o.State.Over() {
		return err
	}
	return s.saveOperation(o.Moved(to, failure, time.Now()))
}

// LookupOperation returns the record of an operation, or catalog.ErrNoOperation.
func (s *Store) LookupOperation(ctx context.Context, id string) (catalog.Operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loadOperation(ctx, id)
}

func (s *Store) operationsDir() string { return filepath.Join(s.dir, stateDir, "operations") }

func (s *Store) operationPath(id string) string { return filepath.Join(s.operationsDir(), id+".json") }

// saveOperation needs mu.
func (s *Store) saveOperation(o catalog.Operation) error {
	content, err := json.MarshalIndent(operation{o.Tenant, o.Kind, o.State, o.Failure, o.Deadline, o.CreatedAt, o.UpdatedAt}, "", "\t")
	if err == nil {
		err = s.replaceFile(s.operationPath(o.ID), append(content, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("file operation: %w", err)
	}
	return nil
}

// loadOperation needs mu.
func (s *Store) loadOperation(ctx context.Context, id string) (catalog.Operation, error) {
	if err := ctx.Err(); err != nil {
		return catalog.Operation{}, err
	}
	if _, err := catalog.ParseOperationID(id); err != nil { // it becomes the name of a file
		return catalog.Operation{}, err
	}
	content, err := os.ReadFile(s.operationPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return catalog.Operation{}, fmt.Errorf("operation %q: %w", id, catalog.ErrNoOperation)
	}
	if err != nil {
		return catalog.Operation{}, fmt.Errorf("read operation: %w", err)
	}
	var o operation
	if err := json.Unmarshal(content, &o); err != nil {
		return catalog.Operation{}, fmt.Errorf("read operation %s: %w", id, err)
	}
	return catalog.Operation{
		ID: id, Tenant: o.Tenant, Kind: o.Kind, State: o.State, Failure: o.Failure,
		Deadline: o.Deadline, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}, nil
}

// dropOperations removes what was last changed before a time. It needs mu.
func (s *Store) dropOperations(before time.Time) error {
	entries, err := os.ReadDir(s.operationsDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasSuffix(e.Name(), ".json") && info.ModTime().Before(before) {
			err = os.Remove(filepath.Join(s.operationsDir(), e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
