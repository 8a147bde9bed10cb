// Command bench measures Postern as a whole, beside the same PostgreSQL without
// it and beside other proxies, in turns within one run, so that the ratios hold
// on a noisy machine.
//
//	go run ./bench proxy              # relay and pool, beside PgBouncer
//	go run ./bench proxy -quick -scenario 'select-simple'
//	go run ./bench proxy -o json -svg plot.svg > result.json
//	go run ./bench show result.json   # the tables of a result that was kept
//	go run ./bench wake               # create, wake, suspend and sleep against a start by hand
//	go run ./bench wake -quick -svg plot.svg
//
// It runs real programs in a directory of its own and ends and removes
// everything, also after an interrupt. The bars that it prints beside the
// figures are the project's own; no test runs it.
package main
