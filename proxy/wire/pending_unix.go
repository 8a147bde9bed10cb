//go:build unix

package wire

import (
	"net"
	"syscall"
)

// pending reports whether bytes have arrived on conn that nobody has read yet,
// without waiting. It answers false where it cannot look.
func pending(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	waiting := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		waiting = err == nil && n > 0
		return true
	})
	return err == nil && waiting
}
