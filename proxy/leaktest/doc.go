// Package leaktest is a randomised test of what a pooler keeps apart. Many
// clients of several tenants do at random what sessions of PostgreSQL can do:
// set, prepare, listen, lock, make temporary tables, fail, roll back, cancel,
// hang up in the middle of a message. Each of them has a model of its own
// session and compares every message that it gets with what PostgreSQL would
// have said to a client alone: whatever is lost, or comes from somebody else, is
// a violation.
//
// It knows nothing about what it talks to. PostgreSQL itself gives no violation
// (that proves the model), a pooler that keeps PostgreSQL's promises neither,
// and one that lends server connections as they are gives many. It does not
// measure speed.
//
//	report, err := leaktest.Run(ctx, leaktest.Config{
//		Tenants:  []leaktest.Tenant{{Name: "a", DSN: a}, {Name: "b", DSN: b}},
//		Duration: 30 * time.Second,
//	})
//	if err == nil {
//		err = report.Err()
//	}
//
// What the model does not know: the state of sequences (currval), of random()
// and of whatever extensions keep; EXECUTE of a statement that was prepared by
// a Parse message, and the reverse.
package leaktest
