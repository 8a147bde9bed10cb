package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// CreateExtension is what extension to make.
type CreateExtension struct {
	Name string `json:"name" minLength:"1"`
}

// CreatedExtension is an extension that a database has.
type CreatedExtension struct {
	Tenant   string `json:"tenant"`
	Database string `json:"database"`
	Name     string `json:"name"`
}

type createExtensionInput struct {
	TenantPath
	Database string `path:"database"`
	Body     CreateExtension
}

type createExtensionOutput struct {
	Status int
	Body   CreatedExtension
}

// createExtension makes an extension that its owner could not make itself; one
// that is there is left as it is.
func (a *api) createExtension(ctx context.Context, in *createExtensionInput) (*createExtensionOutput, error) {
	name := in.Body.Name
	t, err := a.operable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := checkDatabase(in.Database); err != nil {
		return nil, err
	}
	if !slices.Contains(a.AllowedExtensions, name) {
		return nil, problemf(http.StatusForbidden, "extension %q is not one that tenants may have", name).
			hint("wake.process.extensions allows: %s.", cmp.Or(strings.Join(a.AllowedExtensions, ", "), "none"))
	}
	if err := a.Databases.CreateExtension(ctx, t, in.Database, name); err != nil {
		return nil, fmt.Errorf("create extension %q of tenant %s: %w", name, t.ID, err)
	}
	a.Log.Info("extension created", "tenant", t.ID, "database", in.Database, "extension", name)
	return &createExtensionOutput{Status: http.StatusCreated, Body: CreatedExtension{
		Tenant: string(t.ID), Database: in.Database, Name: name,
	}}, nil
}
