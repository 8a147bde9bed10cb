// Package storetest is the conformance suite of catalog.Store: what every store
// promises, as tests. It knows no store; each store's own tests run it and add
// what is peculiar to that store.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) catalog.Store { return memstore.New() })
//	}
package storetest
