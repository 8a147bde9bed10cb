package admin

import (
	"context"
	"fmt"
)

// compatible is the version of PgBouncer whose columns and commands the console
// has.
const compatible = "1.25.0"

func versionColumns() []column { return text("version") }

// versionRows names PgBouncer's version as well: there are exporters that look for
// it to know what they can ask for.
func (c *Console) versionRows(context.Context) ([]row, error) {
	return []row{{fmt.Sprintf("Postern %s (PgBouncer %s)", c.config.Version, compatible)}}, nil
}
