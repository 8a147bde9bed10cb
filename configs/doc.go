// Package configs is Postern's configuration: every setting with its default,
// read from a TOML file, the environment and flags, and checked as a whole. Its
// directory also holds the examples to start from: postern.toml with every
// setting and postern.service for systemd.
//
// It opens nothing that a setting names and knows nothing of the packages that
// the settings are for; cmd hands each its own.
//
//	config, err := configs.Load("/etc/postern/postern.toml", os.Environ(), nil)
//	if err != nil {
//		fmt.Fprintln(os.Stderr, err) // all that is wrong, a line each
//	}
package configs
