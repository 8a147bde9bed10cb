package admin

import "time"

// Counters count since the process began.
type Counters struct {
	Transactions, Queries int64
	// Received and Sent are bytes from clients and to them.
	Received, Sent int64
	// TransactionTime and QueryTime are spent in transactions and by queries,
	// WaitTime by clients waiting for a server connection.
	TransactionTime, QueryTime, WaitTime time.Duration
	// Assignments count server connections lent to clients.
	Assignments int64
	Logins      int64
	// ClientParses are prepared statements of clients, ServerParses those that
	// were prepared for them on server connections, Binds their uses.
	ClientParses, ServerParses, Binds int64
}

func (c Counters) plus(other Counters) Counters {
	c.Transactions += other.Transactions
	c.Queries += other.Queries
	c.Received += other.Received
	c.Sent += other.Sent
	c.TransactionTime += other.TransactionTime
	c.QueryTime += other.QueryTime
	c.WaitTime += other.WaitTime
	c.Assignments += other.Assignments
	c.Logins += other.Logins
	c.ClientParses += other.ClientParses
	c.ServerParses += other.ServerParses
	c.Binds += other.Binds
	return c
}

func (c Counters) minus(other Counters) Counters {
	c.Transactions -= other.Transactions
	c.Queries -= other.Queries
	c.Received -= other.Received
	c.Sent -= other.Sent
	c.TransactionTime -= other.TransactionTime
	c.QueryTime -= other.QueryTime
	c.WaitTime -= other.WaitTime
	c.Assignments -= other.Assignments
	c.Logins -= other.Logins
	c.ClientParses -= other.ClientParses
	c.ServerParses -= other.ServerParses
	c.Binds -= other.Binds
	return c
}
