// Package engine moves the bytes of a conversation between a client and its
// server connections, and asks package relay what they mean. It does not log
// anybody in, wake anything, or keep server connections: its Host, the session,
// does. In transaction mode a conversation takes a server connection from its Host
// for each transaction and gives it back.
//
// There are two engines with the same behaviour, which the same tests hold them
// to. A Conversation has two goroutines, its pumps, over ordinary connections: for
// every platform, for session mode, and for whatever cannot live on an event
// loop. A Loop is Linux's: one thread for many clients, over epoll.
//
//	conversation := engine.New(client, host, nil)
//	err := conversation.Run(ctx) // until somebody leaves
package engine
