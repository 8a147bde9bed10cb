// Package engine moves the bytes of a conversation between a client and its
// server connection, and asks package relay what they mean.
//
// This is the goroutine engine: two pumps a conversation over ordinary
// connections, for every platform and for whatever cannot live on an event
// loop. It does not log anybody in, wake anything, or keep server connections: its
// Host, the session, does. In transaction mode a conversation takes a server
// connection from its Host for each transaction and gives it back.
//
//	conversation := engine.New(client, host)
//	err := conversation.Run(ctx) // until somebody leaves
package engine
