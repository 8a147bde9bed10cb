// Package drivertest is the conformance suite of wake.Driver: every driver runs
// it, and what its Capabilities rule out is skipped. It also has what tests of
// real Postgres processes need: a directory that the Postgres account can enter,
// the account, and the binaries.
//
//	func TestDriver(t *testing.T) {
//		drivertest.Run(t, func(t *testing.T) drivertest.Fixture { … })
//	}
package drivertest
