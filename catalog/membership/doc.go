// Package membership makes this process one of the proxies that share a catalog: it
// takes a number, renews its lease in time, and keeps the catalog's record of the
// tenants that it uses true, also when the catalog has been away. What to do with a
// tenant is decided elsewhere (package wake).
//
//	member, err := membership.Join(ctx, membership.Config{Store: store, ID: id, Lease: 15 * time.Second})
//	go member.Run(ctx) // wait for its end before Leave
//	err = member.Hold(ctx, "acme")
package membership
