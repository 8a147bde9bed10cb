package memstore

import (
	"context"
	"fmt"
	"time"

	"postern/catalog"
)

// FileOperation keeps the record of an operation, and drops those that are too old.
func (s *Store) FileOperation(ctx context.Context, o catalog.Operation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.operations == nil {
		s.operations = map[string]catalog.Operation{}
	}
	for id, old := range s.operations {
		if o.CreatedAt.Sub(old.UpdatedAt) > catalog.KeepOperations {
			delete(s.operations, id)
		}
	}
	s.operations[o.ID] = o
	return nil
}

// MoveOperation files the next state of an operation; one that is over stays as it
// is.
func (s *Store) MoveOperation(ctx context.Context, id string, to catalog.OperationState, failure string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	o, ok := s.operations[id]
	if !ok {
		return fmt.Errorf("operation %q: %w", id, catalog.ErrNoOperation)
	}
	s.operations[id] = o.Moved(to, failure, time.Now())
	return nil
}

// LookupOperation returns the record of an operation, or catalog.ErrNoOperation.
func (s *Store) LookupOperation(ctx context.Context, id string) (catalog.Operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return catalog.Operation{}, err
	}
	o, ok := s.operations[id]
	if !ok {
		return catalog.Operation{}, fmt.Errorf("operation %q: %w", id, catalog.ErrNoOperation)
	}
	return o, nil
}
