// Package proxy is the one way in: a Server that takes clients, and the session
// that leads each of them from its first byte to its tenant's Postgres.
//
// session.run is the path as a whole, a call a stage; each stage is a file:
// startup, identify, authenticate, admit, greet, attach. What a stage needs from
// the rest of the world comes as a small interface in Config, so the package
// knows no store, no driver and no file.
//
//	server := proxy.New(proxy.Config{Router: router, Catalog: cache, Gate: gate, …})
//	go server.Serve(listener)
//	…
//	server.Drain(ctx)
package proxy
