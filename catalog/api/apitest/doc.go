// Package apitest is a control plane for tests that starts no process: the real
// package api over the in-memory catalog and the real wake.Gate, in front of a
// driver whose instances are entries of a map. It behaves as the whole does, but
// no client can connect to a tenant.
//
//	world := apitest.Start(t)
//	http.Serve(listener, world.Handler)
package apitest
