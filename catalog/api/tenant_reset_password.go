package api

import (
	"context"
	"fmt"
	"net/http"

	"postern/catalog"
)

// ResetPassword names the role whose password is to be replaced.
type ResetPassword struct {
	Role     string `json:"role,omitempty" doc:"Default: the role in the tenant's url"`
	Password string `json:"password,omitempty" doc:"The new password, or its SCRAM-SHA-256 verifier; made up if absent"`
}

// PasswordReset is a tenant with the url of the role whose password was replaced.
type PasswordReset struct {
	Tenant
	Role string `json:"role"`
}

type resetPasswordInput struct {
	TenantPath
	Body *ResetPassword
}

type passwordResetOutput struct {
	Body PasswordReset
}

// resetPassword writes to the tenant's Postgres first, since that has the last
// word, and then to the catalog's copy.
func (a *api) resetPassword(ctx context.Context, in *resetPasswordInput) (*passwordResetOutput, error) {
	if in.Body == nil {
		in.Body = &ResetPassword{}
	}
	t, err := a.operable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	name := in.Body.Role
	if name == "" {
		name = mainRole(t)
	}
	if err := checkRole(name); err != nil {
		return nil, err
	}
	if _, ok := t.Roles[name]; !ok {
		return nil, problemf(http.StatusNotFound, "tenant %s has no role %q", t.ID, name)
	}
	verifier, password, err := a.credential(in.Body.Password)
	if err != nil {
		return nil, err
	}
	if err := a.Roles.SetVerifier(ctx, t, name, verifier); err != nil {
		return nil, fmt.Errorf("reset password of role %q of tenant %s: %w", name, t.ID, err)
	}
	t, err = a.Store.Update(ctx, t.ID, func(t *catalog.Tenant) error {
		role := t.Roles[name]
		role.Name, role.Verifier, role.CanLogin = name, verifier, true
		setRole(t, role)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("file password of role %q of tenant %s: %w", name, in.ID, err)
	}
	a.Log.Info("password reset", "tenant", t.ID, "role", name)
	body := PasswordReset{Tenant: a.brief(t, ""), Role: name}
	body.URL = a.URL(t, name, password, mainDatabase(t))
	return &passwordResetOutput{Body: body}, nil
}
