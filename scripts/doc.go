// Package scripts holds no code: it is where the tests of scripts/setup and of
// the Dockerfile live.
package scripts
