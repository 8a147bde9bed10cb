package superuser

import (
	"context"
	"fmt"
)

// SetVerifier gives a role that exists another verifier, and nothing else.
func (c *Conn) SetVerifier(ctx context.Context, name, verifier string) error {
	what := fmt.Sprintf("set verifier of role %q", name)
	if err := c.checkRole(name); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if !verifierForm.MatchString(verifier) {
		return fmt.Errorf("%s: not a SCRAM-SHA-256 verifier", what)
	}
	return c.exec(ctx, what, "ALTER ROLE "+quote(c.endpoint.Share.Role(name))+" PASSWORD "+literal(verifier))
}
