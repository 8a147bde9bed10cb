// Package wake brings a tenant's Postgres up when somebody needs it and takes
// it down again: the Driver that a kind of backend implements, and the Gate
// through which every wake and every suspend of this proxy goes, so that one
// tenant is woken once however many wait.
//
// It does not decide who may wake a tenant (package proxy has authenticated the
// client before it asks) and speaks no Postgres protocol to clients. Drivers are
// packages of their own: process (a postmaster on this machine), database (a part of
// an instance that tenants share) and static (a Postgres that somebody else runs).
//
//	gate := wake.NewGate(wake.GateConfig{Store: store, Drivers: drivers})
//	endpoint, err := gate.Ready(ctx, tenant) // starts it if it sleeps
package wake
