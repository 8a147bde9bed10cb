//go:build !linux

package engine

import (
	"errors"
	"net"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// LoopConfig says how event loops are to run; there are none on this system.
type LoopConfig struct {
	Loops int
	Idle  func(lease any)
}

// Loop is the engine of Linux.
type Loop struct{}

// NewLoop fails on this system.
func NewLoop(LoopConfig) (*Loop, error) {
	return nil, errors.New("there is an event loop on Linux only")
}

// Close does nothing.
func (l *Loop) Close() {}

// Can is false on this system.
func (l *Loop) Can(net.Conn) bool { return false }

// LoopConversation is one client's session on a Loop.
type LoopConversation struct{ *Conversation }

// New returns nil on this system.
func (l *Loop) New(string, net.Conn, Host, func(*relay.Session)) *LoopConversation { return nil }

// Start does nothing on this system.
func (c *LoopConversation) Start(func(error)) {}

// End does nothing on this system.
func (c *LoopConversation) End(*wire.Error) {}

// Wrap returns conn as it is.
func Wrap(conn net.Conn) net.Conn { return conn }
