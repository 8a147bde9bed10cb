// Command bench measures Postern as a whole: it runs the real program on a data
// directory of its own and times what a user waits for, interleaved with the
// same PostgreSQL without Postern, so that the ratios hold on a noisy machine.
//
//	go run ./bench wake           # create, wake and suspend against a start by hand
//	go run ./bench wake -n 50 -o json
//
// It prints medians with their spread. It judges nothing, and no test runs it.
package main
