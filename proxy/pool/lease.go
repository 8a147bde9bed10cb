package pool

// Lease is a server connection that is lent. Whoever has it reads and writes the
// Server, and does not close it but gives it back.
type Lease struct {
	*Server
	connection *connection
}

// Release gives the server connection back; the Lease must not be used after it.
// clean says that the server has answered everything with ReadyForQuery 'I', that
// all of it was read, and that what the client has changed in the session is
// undone or will be; anything else is closed. Deadlines are taken off, and what
// is left of Early and Notices counts as read.
func (l *Lease) Release(clean bool) { l.connection.giveBack(clean) }
