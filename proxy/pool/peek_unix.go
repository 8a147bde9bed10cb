//go:build unix

package pool

import (
	"io"
	"net"
	"syscall"
)

// peek looks at a socket without waiting and without taking anything. It is made
// once per connection, so that looking does not allocate. The zero value, and one
// at what has no socket, cannot look, and sees nothing.
type peek struct {
	conn net.Conn
	raw  syscall.RawConn
	call func(fd uintptr)
	n    int
	err  error
}

// at has p look at the socket of conn.
func (p *peek) at(conn net.Conn) {
	if conn == p.conn {
		return
	}
	*p = peek{conn: conn}
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	p.raw, p.call = raw, p.receive
}

func (p *peek) receive(fd uintptr) {
	var b [1]byte
	p.n, _, p.err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
}

// now reports whether bytes have arrived; the error is io.EOF if the other side
// has closed.
func (p *peek) now() (bool, error) {
	if p.raw == nil {
		return false, nil
	}
	if err := p.raw.Control(p.call); err != nil {
		return false, err
	}
	switch {
	case p.err == syscall.EAGAIN || p.err == syscall.EWOULDBLOCK || p.err == syscall.EINTR:
		return false, nil
	case p.err != nil:
		return false, p.err
	case p.n == 0:
		return false, io.EOF
	}
	return true, nil
}
