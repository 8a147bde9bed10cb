// Package statement tells what the SQL text of a Query or Parse message may do
// to the session that runs it: which settings it may change, whether it may
// listen, lock, prepare, make temporary objects; and a few things besides that
// the proxy must know before or after the text has run.
//
// It answers by tokens, by PostgreSQL's lexical rules, not by a grammar: it has
// to say what to ask the server about when the transaction has ended, not what
// the answer will be. So it may say too much, but misses nothing that a
// statement says openly. What it cannot see is state made inside functions, DO
// blocks, triggers and rules, and what a name hides: a view, an operator, a
// statement prepared earlier (see Summary.Names and Opaque).
//
// Nothing is allocated for an ordinary statement, and the time is linear in the
// length of the text.
//
//	summary := statement.Scan(body) // up to the zero byte
//	if summary.Truncated || summary.Changes&statement.Listen != 0 {
//		// ask pg_listening_channels() before another client may be served
//	}
package statement
