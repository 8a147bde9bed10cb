package superuser

// The conditions here pick out what is the tenant's, of whatever the instance has:
// that is everything unless it shares the instance.

// owns is the condition that column names a database of the tenant's.
func (c *Conn) owns(column string) string {
	share := c.endpoint.Share
	if !share.Shared() {
		return "true"
	}
	return "(" + column + " = " + literal(share.Members()) + " OR starts_with(" + column + ", " + literal(share.Members()+"_") + "))"
}

// ownsRole is the condition that column names a role of the tenant's.
func (c *Conn) ownsRole(column string) string {
	share := c.endpoint.Share
	if !share.Shared() {
		return "true"
	}
	return "starts_with(" + column + ", " + literal(share.RolePrefix()) + ")"
}
