package admin

import "context"

func stateColumns() []column { return text("key", "value") }

// stateRows is the state of the proxy as a whole. Suspended is a state of tenants
// here, never of the proxy.
func (c *Console) stateRows(context.Context) ([]row, error) {
	active, paused := "yes", "no"
	if c.config.Traffic != nil && c.config.Traffic.Paused() {
		active, paused = "no", "yes"
	}
	return []row{{"active", active}, {"paused", paused}, {"suspended", "no"}}, nil
}
