package catalog

import (
	"context"
	"errors"
)

// The errors that a Store answers with, to be asked for with errors.Is.
var (
	// ErrNotFound: there is no such tenant.
	ErrNotFound = errors.New("tenant not found")
	// ErrExists: the id or one of the hostnames is taken, perhaps by a deleted
	// tenant that is not purged yet.
	ErrExists = errors.New("tenant already exists")
	// ErrConflict: the tenant is not in the version or generation that the
	// caller had seen.
	ErrConflict = errors.New("tenant was changed by somebody else")
	// ErrNoOperation: there is no such operation, or no longer.
	ErrNoOperation = errors.New("operation not found")
	// ErrUnavailable: the store cannot be reached now; asking again may help.
	ErrUnavailable = errors.New("catalog unavailable")
)

// Store is the source of truth about tenants. All methods are safe for
// concurrent use, obey ctx, and return Tenants that the caller must not write
// to. A deleted tenant is still found, by its id only, until it is purged.
type Store interface {
	// Lookup returns the tenant, or ErrNotFound.
	Lookup(ctx context.Context, id TenantID) (*Tenant, error)
	// LookupHostname returns the living tenant that owns hostname (lower-case),
	// or ErrNotFound.
	LookupHostname(ctx context.Context, hostname string) (*Tenant, error)
	// List returns tenants in the order of their ids.
	List(ctx context.Context, q Query) ([]*Tenant, error)

	// Create files t as version 1 and returns what it filed, or ErrExists. The
	// store sets UID (where empty), Version, CreatedAt and UpdatedAt.
	Create(ctx context.Context, t *Tenant) (*Tenant, error)
	// Update changes the configuration: it calls change with a copy of the
	// current record, files the result under the next version and returns it.
	// Greetings are forgotten, since they may no longer be true. If nothing
	// changed, the current record is returned. change may be called again after
	// a conflict; its error is returned as it is. ID, UID and the state fields
	// are not written.
	Update(ctx context.Context, id TenantID, change func(*Tenant) error) (*Tenant, error)
	// Transition writes the state fields alone (State, Owner, Deadline, Failure,
	// LastActiveAt, DeletedAt): it calls change with a copy, files it under the
	// next generation and returns it. Version and greetings stay as they are.
	Transition(ctx context.Context, id TenantID, change func(*Tenant) error) (*Tenant, error)
	// Remember keeps a greeting of the tenant's version, at most MaxGreetings;
	// of a version that has passed it is dropped silently. Neither version nor
	// generation changes.
	Remember(ctx context.Context, id TenantID, version int64, g Greeting) error
	// Forget drops every greeting of the tenant.
	Forget(ctx context.Context, id TenantID) error
	// Purge removes the record altogether.
	Purge(ctx context.Context, id TenantID) error

	// Watch calls changed with the id of every tenant that is created, updated,
	// moved to another state, or purged, by whichever proxy, until ctx is done.
	// It is a hint: ids may repeat, and an empty id means that anything may
	// have changed (after a reconnect). It returns ctx's error, or another when
	// it cannot go on.
	Watch(ctx context.Context, changed func(TenantID)) error
}

// Query selects tenants for List.
type Query struct {
	// After starts behind this id; "" starts at the first.
	After TenantID
	// Limit is the most to return; 0 means 100.
	Limit int
	// State, if not empty, selects by state.
	State State
	// Labels, if not empty, must all be there with these values.
	Labels map[string]string
	// Deleted includes deleted tenants.
	Deleted bool
	// Unheld leaves out those that a living proxy holds, or is at work on as their
	// Owner until their Deadline. In a store that proxies do not share it does nothing.
	Unheld bool
}
