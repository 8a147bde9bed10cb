//go:build linux

package engine

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lent is what a Socket has besides for those who use it as a net.Conn after a
// loop has taken it. It is under Socket.mu.
type lent struct {
	read, write time.Time     // deadlines
	waiting     bool          // somebody waits for something to happen
	happened    chan struct{} // holds a token if something has
}

func (l *lent) signal() {
	select {
	case l.happened <- struct{}{}:
	default:
	}
}

// plain returns the connection that it was in the beginning; nil once taken.
func (s *Socket) plain() net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

// lending returns lent. Called under mu.
func (s *Socket) lending() *lent {
	if s.lent == nil {
		s.lent = &lent{happened: make(chan struct{}, 1)}
	}
	return s.lent
}

// Read implements net.Conn.
func (s *Socket) Read(b []byte) (int, error) {
	if conn := s.plain(); conn != nil {
		return conn.Read(b)
	}
	if s.driven.Load() { // the TLS layer reads, on the loop's thread
		if s.drained {
			return 0, errWouldBlock
		}
		n, err := s.receiveRaw(b)
		s.drained = n < len(b)
		return n, err
	}
	for {
		n, errno, err := s.try(func(fd int32) (int, syscall.Errno) { return receive(fd, b) }, false)
		switch {
		case err != nil:
			return 0, err
		case errno == 0 && n == 0 && len(b) > 0:
			return 0, io.EOF
		case errno == 0:
			return n, nil
		case errno != unix.EAGAIN:
			return 0, &net.OpError{Op: "read", Net: "socket", Err: os.NewSyscallError("recvfrom", errno)}
		}
		if err := s.await(unix.EPOLLIN|unix.EPOLLRDHUP, false); err != nil {
			return 0, err
		}
	}
}

// Write implements net.Conn.
func (s *Socket) Write(b []byte) (int, error) {
	if conn := s.plain(); conn != nil {
		return conn.Write(b)
	}
	if s.driven.Load() { // the TLS layer writes, on the loop's thread
		s.loop.sealed = append(s.loop.sealed, b...)
		return len(b), nil
	}
	for sent := 0; ; {
		n, errno, err := s.try(func(fd int32) (int, syscall.Errno) { return transmit(fd, b[sent:]) }, true)
		sent += n
		switch {
		case err != nil:
			return sent, err
		case errno == 0:
			return sent, nil
		case errno != unix.EAGAIN:
			return sent, &net.OpError{Op: "write", Net: "socket", Err: os.NewSyscallError("sendto", errno)}
		}
		if err := s.await(unix.EPOLLOUT, true); err != nil {
			return sent, err
		}
	}
}

// try calls the system, unless the deadline has passed or the socket is closed.
func (s *Socket) try(call func(fd int32) (int, syscall.Errno), writing bool) (int, syscall.Errno, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.fd < 0 {
		return 0, 0, net.ErrClosed
	}
	if _, passed := s.until(writing); passed {
		return 0, 0, os.ErrDeadlineExceeded
	}
	n, errno := call(s.fd)
	return n, errno, nil
}

// until returns the time that is left, 0 for ever. Called under mu.
func (s *Socket) until(writing bool) (left time.Duration, passed bool) {
	if s.lent == nil {
		return 0, false
	}
	deadline := s.lent.read
	if writing {
		deadline = s.lent.write
	}
	if deadline.IsZero() {
		return 0, false
	}
	left = time.Until(deadline)
	return left, left <= 0
}

// await waits until the loop sees one of the events, the deadline passes or is
// changed, or the socket is closed.
func (s *Socket) await(events uint32, writing bool) error {
	s.mu.Lock()
	l := s.lending()
	left, passed := s.until(writing)
	switch {
	case s.ended || s.fd < 0:
		s.mu.Unlock()
		return net.ErrClosed
	case passed:
		s.mu.Unlock()
		return os.ErrDeadlineExceeded
	}
	l.waiting = true
	s.arm(events)
	s.mu.Unlock()

	var timeout <-chan time.Time
	if left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-l.happened:
	case <-timeout:
	case <-s.loop.stopped:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.waiting = false
	select {
	case <-s.loop.stopped:
		return net.ErrClosed
	default:
	}
	if _, server := s.owner.(*serverEnd); server {
		s.arm(news) // it may be idle next
	} else {
		s.arm(0)
	}
	return nil
}

// Close implements net.Conn. The thread closes the descriptor, so that it cannot
// be another's while there are events of it to be handled.
func (s *Socket) Close() error {
	s.mu.Lock()
	conn, ended := s.conn, s.ended
	s.ended = true
	if s.lent != nil {
		s.lent.signal()
	}
	s.mu.Unlock()
	switch {
	case conn != nil:
		return conn.Close()
	case ended:
		return net.ErrClosed
	case !s.loop.post(s.close):
		<-s.loop.stopped
		s.close()
	}
	return nil
}

// CloseWrite tells the other side that nothing more will come.
func (s *Socket) CloseWrite() error {
	if conn := s.plain(); conn != nil {
		return conn.(interface{ CloseWrite() error }).CloseWrite()
	}
	_, errno, err := s.try(func(fd int32) (int, syscall.Errno) {
		errno, _ := unix.Shutdown(int(fd), unix.SHUT_WR).(syscall.Errno)
		return 0, errno
	}, true)
	if errno != 0 {
		return os.NewSyscallError("shutdown", errno)
	}
	return err
}

// SetDeadline implements net.Conn.
func (s *Socket) SetDeadline(t time.Time) error { return s.setDeadline(t, true, true) }

// SetReadDeadline implements net.Conn.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.setDeadline(t, true, false) }

// SetWriteDeadline implements net.Conn.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.setDeadline(t, false, true) }

// setDeadline sets deadlines; a loop that drives the socket knows none.
func (s *Socket) setDeadline(t time.Time, read, write bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.conn != nil && read && write:
		return s.conn.SetDeadline(t)
	case s.conn != nil && read:
		return s.conn.SetReadDeadline(t)
	case s.conn != nil:
		return s.conn.SetWriteDeadline(t)
	case s.ended:
		return net.ErrClosed
	case s.driven.Load() || t.IsZero() && s.lent == nil:
		return nil
	}
	l := s.lending()
	if read {
		l.read = t
	}
	if write {
		l.write = t
	}
	if l.waiting {
		l.signal()
	}
	return nil
}

// LocalAddr implements net.Conn.
func (s *Socket) LocalAddr() net.Addr {
	if conn := s.plain(); conn != nil {
		return conn.LocalAddr()
	}
	return s.address(unix.Getsockname)
}

// RemoteAddr implements net.Conn.
func (s *Socket) RemoteAddr() net.Addr {
	if conn := s.plain(); conn != nil {
		return conn.RemoteAddr()
	}
	return s.address(unix.Getpeername)
}

// address asks the system, so that nobody has to keep it. It is an empty address
// once the socket is closed.
func (s *Socket) address(ask func(int) (unix.Sockaddr, error)) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	address, err := ask(int(s.fd))
	if err != nil {
		return &net.TCPAddr{}
	}
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: a.Name, Net: "unix"}
	}
	return &net.TCPAddr{}
}

// SyscallConn implements syscall.Conn.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return (*rawSocket)(s), nil }

// rawSocket is a Socket's syscall.RawConn.
type rawSocket Socket

// Control implements syscall.RawConn.
func (r *rawSocket) Control(f func(fd uintptr)) error {
	s := (*Socket)(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return net.ErrClosed
	case s.conn == nil:
		f(uintptr(s.fd))
		return nil
	}
	raw, err := s.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(f)
}

// Read implements syscall.RawConn.
func (r *rawSocket) Read(f func(fd uintptr) (done bool)) error { return r.until(f, unix.EPOLLIN) }

// Write implements syscall.RawConn.
func (r *rawSocket) Write(f func(fd uintptr) (done bool)) error { return r.until(f, unix.EPOLLOUT) }

func (r *rawSocket) until(f func(fd uintptr) (done bool), events uint32) error {
	s := (*Socket)(r)
	if conn := s.plain(); conn != nil {
		raw, err := conn.(syscall.Conn).SyscallConn()
		switch {
		case err != nil:
			return err
		case events == unix.EPOLLOUT:
			return raw.Write(f)
		}
		return raw.Read(f)
	}
	for {
		var done bool
		if err := r.Control(func(fd uintptr) { done = f(fd) }); err != nil || done {
			return err
		}
		if err := s.await(events, events == unix.EPOLLOUT); err != nil {
			return err
		}
	}
}
