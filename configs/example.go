package configs

import _ "embed" // for Example

// Example is postern.toml: every setting with its default and what it means.
//
//go:embed postern.toml
var Example string
