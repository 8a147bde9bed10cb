package proxy

import (
	"errors"
	"fmt"
	"time"

	"postern/catalog"
	"postern/proxy/auth"
	"postern/proxy/wire"
)

// authenticate lets the client prove its role against the catalog's verifier. A
// tenant or role that does not exist, or may not log in, is answered by the same
// exchange and the same error as a wrong password, and nothing is woken. Only where
// there is a rule for tenants that do not exist, one is made for who proves itself.
func (s *session) authenticate() error {
	t, err := s.lookUp()
	if err != nil {
		return err
	}
	s.enter(authenticating)
	verifier, isNew := auth.Verifier{}, false
	if t == nil {
		verifier, isNew = s.newcomer()
	} else if t.Deleted() {
		t = nil
	}
	if t == nil && !isNew && s.server.settings().ShowUnknownTenants {
		return &wire.Error{
			Code:    wire.InvalidCatalogName,
			Message: fmt.Sprintf("tenant %q does not exist", s.identity.Tenant),
			Hint:    "Check the tenant's name.",
			Kind:    "unknown_tenant",
		}
	}
	if !isNew {
		if verifier, err = s.verifier(t); err != nil {
			return err
		}
	}
	proof, err := auth.Authenticate(s.conn, auth.Request{
		User:           s.opening.Startup.User,
		Verifier:       verifier,
		ChannelBinding: auth.EndPointBinding(s.opening.Certificate),
	})
	if err != nil {
		var failure *wire.Error
		if errors.As(err, &failure) && failure.Code == wire.InvalidPassword {
			failure.Hint = "Check the role, the tenant and the password."
			if t != nil {
				s.server.config.Roles.Suspect(t.ID)
			}
		}
		return err
	}
	if isNew {
		if t, err = s.settle(verifier); err != nil {
			return err
		}
	}
	s.unsent = proof.Final
	s.tenant, s.keys = t, auth.LoginKeys{ClientKey: proof.ClientKey, Verifier: verifier}
	return nil
}

// verifier returns the one to check the client by; t may be nil.
func (s *session) verifier(t *catalog.Tenant) (auth.Verifier, error) {
	if t != nil {
		role, known := t.Roles[s.identity.Role]
		if known && role.Usable(time.Now()) {
			v, err := auth.ParseVerifier(role.Verifier)
			if err == nil {
				return v, nil
			}
			// An md5 verifier, say: to the client it is a role without password.
			s.log().Warn("role has a verifier that is of no use", "tenant", t.ID, "role", role.Name, "error", err)
		}
	}
	// A tenant's id has no zero byte, so no two pairs make the same name.
	return auth.Mock(s.server.config.Secret, string(s.identity.Tenant)+"\x00"+s.identity.Role), nil
}
