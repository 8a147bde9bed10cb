package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"postern/catalog"
)

// Role is a login role of a tenant, as the catalog knows it.
type Role struct {
	Name        string     `json:"name"`
	CanLogin    bool       `json:"can_login"`
	HasPassword bool       `json:"has_password" doc:"Without one it cannot log in through Postern"`
	ReadOnly    bool       `json:"read_only" doc:"Made with the right to read alone"`
	ValidUntil  *time.Time `json:"valid_until" doc:"When its password stops being good, null for never"`
}

// RoleList is every role of a tenant, by name.
type RoleList struct {
	Roles []Role `json:"roles" nullable:"false"`
}

// CreateRole is what a new role is to be.
type CreateRole struct {
	Name     string `json:"name" minLength:"1"`
	ReadOnly bool   `json:"read_only,omitempty" doc:"With the right to read alone"`
	Password string `json:"password,omitempty" doc:"Its password, or the SCRAM-SHA-256 verifier of it; made up if absent"`
}

// CreatedRole is a new role and how to connect as it.
type CreatedRole struct {
	Role
	Tenant string `json:"tenant"`
	URL    string `json:"url" doc:"With the password, shown this once"`
}

// Dropped says what is gone.
type Dropped struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	Status string `json:"status" enum:"dropped"`
}

type roleListOutput struct {
	Body RoleList
}

type createRoleInput struct {
	TenantPath
	Body CreateRole
}

type createRoleOutput struct {
	Status int
	Body   CreatedRole
}

type dropRoleInput struct {
	TenantPath
	Role string `path:"role"`
}

type droppedOutput struct {
	Body Dropped
}

func (a *api) listRoles(ctx context.Context, in *TenantPath) (*roleListOutput, error) {
	t, err := a.lookup(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list := RoleList{Roles: []Role{}}
	for _, name := range slices.Sorted(maps.Keys(t.Roles)) {
		list.Roles = append(list.Roles, showRole(t.Roles[name]))
	}
	return &roleListOutput{Body: list}, nil
}

func showRole(r catalog.Role) Role {
	return Role{
		Name:        r.Name,
		CanLogin:    r.CanLogin,
		HasPassword: r.Verifier != "",
		ReadOnly:    r.ReadOnly,
		ValidUntil:  timeOrNull(r.ValidUntil),
	}
}

// createRole makes the role in the tenant's Postgres first, which has the last
// word on whether there may be one, and then in the catalog's copy.
func (a *api) createRole(ctx context.Context, in *createRoleInput) (*createRoleOutput, error) {
	if err := checkRole(in.Body.Name); err != nil {
		return nil, err
	}
	t, err := a.operable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if _, ok := t.Roles[in.Body.Name]; ok {
		return nil, problemf(http.StatusConflict, "tenant %s has a role %q", t.ID, in.Body.Name)
	}
	verifier, password, err := a.credential(in.Body.Password)
	if err != nil {
		return nil, err
	}
	role := catalog.Role{Name: in.Body.Name, Verifier: verifier, CanLogin: true, ReadOnly: in.Body.ReadOnly}
	if err := a.Roles.CreateRole(ctx, t, role); err != nil {
		return nil, fmt.Errorf("create role %q of tenant %s: %w", role.Name, t.ID, err)
	}
	t, err = a.Store.Update(ctx, t.ID, func(t *catalog.Tenant) error {
		setRole(t, role)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("file role %q of tenant %s: %w", role.Name, in.ID, err)
	}
	a.Log.Info("role created", "tenant", t.ID, "role", role.Name)
	return &createRoleOutput{Status: http.StatusCreated, Body: CreatedRole{
		Role:   showRole(role),
		Tenant: string(t.ID),
		URL:    a.URL(t, role.Name, password, mainDatabase(t)),
	}}, nil
}

func setRole(t *catalog.Tenant, role catalog.Role) {
	if t.Roles == nil {
		t.Roles = make(map[string]catalog.Role)
	}
	t.Roles[role.Name] = role
}

// dropRole drops the role where it counts, so that nobody can log in as it any
// more, and then ends the sessions that it has.
func (a *api) dropRole(ctx context.Context, in *dropRoleInput) (*droppedOutput, error) {
	if err := checkRole(in.Role); err != nil {
		return nil, err
	}
	t, err := a.operable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if _, ok := t.Roles[in.Role]; !ok {
		return nil, problemf(http.StatusNotFound, "tenant %s has no role %q", t.ID, in.Role)
	}
	if in.Role == defaultRole {
		return nil, problemf(http.StatusConflict, "role %q owns the tenant's database", in.Role).
			hint("Reset its password to keep others out.")
	}
	if err := a.Roles.DropRole(ctx, t, in.Role); err != nil {
		return nil, fmt.Errorf("drop role %q of tenant %s: %w", in.Role, t.ID, err)
	}
	_, err = a.Store.Update(ctx, t.ID, func(t *catalog.Tenant) error {
		delete(t.Roles, in.Role)
		return nil
	})
	a.Sessions.EndRole(t.ID, in.Role)
	if err != nil {
		return nil, fmt.Errorf("file drop of role %q of tenant %s: %w", in.Role, t.ID, err)
	}
	a.Log.Info("role dropped", "tenant", t.ID, "role", in.Role)
	return &droppedOutput{Body: Dropped{Tenant: string(t.ID), Name: in.Role, Status: "dropped"}}, nil
}
