//go:build !linux

package engine

import "testing"

// engines are those that there are here.
var engines = map[string]func(*testing.T) engine{"goroutine": newGoroutines}
