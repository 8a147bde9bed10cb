package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"postern/catalog"
)

// Database is a database of a tenant, as the catalog knows it.
type Database struct {
	Name string `json:"name"`
}

// DatabaseList is every database of a tenant, by name.
type DatabaseList struct {
	Databases []Database `json:"databases" nullable:"false"`
}

// CreateDatabase is what a new database is to be.
type CreateDatabase struct {
	Name  string `json:"name" minLength:"1"`
	Owner string `json:"owner,omitempty" doc:"Default: the role in the tenant's url"`
}

// CreatedDatabase is a new database and how to connect to it.
type CreatedDatabase struct {
	Database
	Tenant string `json:"tenant"`
	Owner  string `json:"owner"`
	URL    string `json:"url" doc:"Without a password"`
}

type databaseListOutput struct {
	Body DatabaseList
}

type createDatabaseInput struct {
	TenantPath
	Body CreateDatabase
}

type createDatabaseOutput struct {
	Status int
	Body   CreatedDatabase
}

type dropDatabaseInput struct {
	TenantPath
	Database string `path:"database"`
}

func (a *api) listDatabases(ctx context.Context, in *TenantPath) (*databaseListOutput, error) {
	t, err := a.lookup(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list := DatabaseList{Databases: []Database{}}
	for _, name := range slices.Sorted(slices.Values(t.Databases)) {
		list.Databases = append(list.Databases, Database{Name: name})
	}
	return &databaseListOutput{Body: list}, nil
}

// createDatabase makes the database where it counts and then files its name.
func (a *api) createDatabase(ctx context.Context, in *createDatabaseInput) (*createDatabaseOutput, error) {
	name := in.Body.Name
	if err := checkDatabase(name); err != nil {
		return nil, err
	}
	t, err := a.operable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if slices.Contains(t.Databases, name) {
		return nil, problemf(http.StatusConflict, "tenant %s has a database %q", t.ID, name)
	}
	owner := in.Body.Owner
	if owner == "" {
		owner = mainRole(t)
	}
	if err := checkRole(owner); err != nil {
		return nil, err
	}
	if _, ok := t.Roles[owner]; !ok {
		return nil, problemf(http.StatusNotFound, "tenant %s has no role %q", t.ID, owner)
	}
	if err := a.Databases.CreateDatabase(ctx, t, name, owner); err != nil {
		return nil, fmt.Errorf("create database %q of tenant %s: %w", name, t.ID, err)
	}
	t, err = a.Store.Update(ctx, t.ID, func(t *catalog.Tenant) error {
		if !slices.Contains(t.Databases, name) {
			t.Databases = append(t.Databases, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("file database %q of tenant %s: %w", name, in.ID, err)
	}
	a.Log.Info("database created", "tenant", t.ID, "database", name)
	return &createDatabaseOutput{Status: http.StatusCreated, Body: CreatedDatabase{
		Database: Database{Name: name},
		Tenant:   string(t.ID),
		Owner:    owner,
		URL:      a.URL(t, owner, "", name),
	}}, nil
}

func (a *api) dropDatabase(ctx context.Context, in *dropDatabaseInput) (*droppedOutput, error) {
	name := in.Database
	if err := checkDatabase(name); err != nil {
		return nil, err
	}
	t, err := a.operable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(t.Databases, name) {
		return nil, problemf(http.StatusNotFound, "tenant %s has no database %q", t.ID, name).
			hint("One that a client made, a client drops.")
	}
	if err := a.Databases.DropDatabase(ctx, t, name); err != nil {
		return nil, fmt.Errorf("drop database %q of tenant %s: %w", name, t.ID, err)
	}
	_, err = a.Store.Update(ctx, t.ID, func(t *catalog.Tenant) error {
		t.Databases = slices.DeleteFunc(t.Databases, func(d string) bool { return d == name })
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("file drop of database %q of tenant %s: %w", name, t.ID, err)
	}
	a.Log.Info("database dropped", "tenant", t.ID, "database", name)
	return &droppedOutput{Body: Dropped{Tenant: string(t.ID), Name: name, Status: "dropped"}}, nil
}
