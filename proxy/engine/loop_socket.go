//go:build linux

package engine

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Wrap returns conn in a form that a loop can take over. It must not be used
// beside it. Only TCP and Unix-domain connections can be taken over; any other is
// returned as it is.
func Wrap(conn net.Conn) net.Conn {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return &Socket{conn: conn, fd: -1}
	}
	return conn
}

// unwrap returns the Socket of a connection, and the TLS layer above, nil if
// there is none.
func unwrap(conn net.Conn) (*Socket, *tls.Conn) {
	secure, _ := conn.(*tls.Conn)
	for {
		switch c := conn.(type) {
		case *Socket:
			return c, secure
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil, nil
		}
	}
}

// Socket is a connection that a loop can take over; see Loop. It is in one of
// three states: an ordinary net.Conn at first; driven by the loop, on whose
// thread alone it is touched then; or lent by it, when it is an ordinary net.Conn
// again whose waiting the loop does.
type Socket struct {
	loop   *eventLoop // set by take
	owner  owner      // the thread's: who is told of what happens
	secure *tls.Conn  // the TLS layer above; nil in the clear
	unsent *unsent    // the thread's: nil while everything is sent
	driven atomic.Bool

	drained bool // the thread's: there was nothing more to read
	queued  bool // the thread's: it is in loop.again

	mu    sync.Mutex
	conn  net.Conn // under mu; nil once taken
	fd    int32    // written under mu, by the thread; -1 before take and once closed
	armed uint32   // what epoll watches for; the thread's while driven, under mu while lent
	ended bool     // under mu: closed, or about to be
	lent  *lent    // under mu; nil while nobody has waited
}

// owner is who a driven socket works for.
type owner interface {
	// ready is called when something has happened: epoll's events.
	ready(events uint32)
	// relayed returns the conversation that the socket is part of, nil for none.
	relayed() *LoopConversation
}

// unsent is what a socket would not take.
type unsent struct {
	bytes []byte
	from  int // of bytes: what is sent already
}

func (u *unsent) size() int {
	if u == nil {
		return 0
	}
	return len(u.bytes) - u.from
}

// take makes the socket the loop's. Called on the thread.
func (s *Socket) take(l *eventLoop) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return net.ErrClosed
	case s.conn == nil && s.loop != l:
		return errors.New("the connection belongs to another event loop")
	case s.conn == nil:
		return nil
	}
	raw, err := s.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	if controlled := raw.Control(func(theirs uintptr) { fd, err = unix.FcntlInt(theirs, unix.F_DUPFD_CLOEXEC, 3) }); controlled != nil {
		return controlled
	}
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	s.conn.Close() // Go's poller lets go of it; the connection stays open
	s.conn, s.fd, s.loop = nil, int32(fd), l
	for len(l.sockets) <= fd {
		l.sockets = append(l.sockets, nil)
	}
	l.sockets[fd] = s
	return nil
}

// drive begins to drive a socket that was taken.
func (s *Socket) drive() {
	s.mu.Lock() // whoever had it is done with it
	if s.lent != nil {
		s.lent.read, s.lent.write = time.Time{}, time.Time{}
	}
	s.mu.Unlock()
	s.driven.Store(true)
}

// lend ends that.
func (s *Socket) lend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.driven.Store(false)
	if s.unsent != nil {
		s.unsent = nil // the connection is of no more use
		s.arm(0)
	}
}

// arm has epoll watch for these events, and nothing at all if there are none:
// else it would go on reporting an end that nobody wants to know yet.
func (s *Socket) arm(events uint32) {
	if events == s.armed || s.fd < 0 {
		return
	}
	operation := unix.EPOLL_CTL_MOD
	switch {
	case events == 0:
		operation = unix.EPOLL_CTL_DEL
	case s.armed == 0:
		operation = unix.EPOLL_CTL_ADD
	}
	unix.EpollCtl(s.loop.epoll, operation, int(s.fd), &unix.EpollEvent{Events: events, Fd: s.fd})
	if events&^s.armed&unix.EPOLLIN != 0 {
		s.poke()
	}
	s.armed = events
}

// poke has a driven TLS connection read as if something had come: it may hold
// more than the socket shows.
func (s *Socket) poke() {
	if s.secure != nil && s.driven.Load() && !s.queued {
		s.queued = true
		s.loop.again = append(s.loop.again, s)
	}
}

// happened is called for epoll's events.
func (s *Socket) happened(events uint32) {
	if s.driven.Load() {
		s.owner.ready(events)
		return
	}
	s.mu.Lock()
	waited := s.lent != nil && s.lent.waiting
	if waited {
		s.arm(0)
		s.lent.signal()
	}
	s.mu.Unlock()
	if !waited {
		s.talks()
	}
}

// talks is for a server connection that nobody uses. That is told once for what
// is there, and again for what comes later.
func (s *Socket) talks() {
	if end, ok := s.owner.(*serverEnd); ok && s.loop.config.Idle != nil {
		s.loop.config.Idle(end.peer.Lease)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.driven.Load() {
		s.arm(news)
	}
}

// news is what a server connection is watched for that may be in use by somebody
// else than the loop: what comes from now on, once.
const news = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// receive reads from a driven socket. more says that there is more to be had
// than b has room for, though the socket may not show it.
func (s *Socket) receive(b []byte) (n int, more bool, err error) {
	if s.secure == nil {
		n, err := s.receiveRaw(b)
		if err == errWouldBlock {
			err = nil
		}
		return n, false, err
	}
	s.drained = false
	for n < len(b) && err == nil {
		var m int
		m, err = s.secure.Read(b[n:])
		n += m
	}
	if len(s.loop.sealed) > 0 { // a KeyUpdate, an alert
		s.transmitSealed()
	}
	if err == errWouldBlock {
		return n, false, nil
	}
	return n, err == nil, err
}

func (s *Socket) receiveRaw(b []byte) (int, error) {
	n, errno := receive(s.fd, b)
	switch {
	case errno == unix.EAGAIN:
		return 0, errWouldBlock
	case errno != 0:
		return 0, os.NewSyscallError("recvfrom", errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// transmit writes to a driven socket; what it does not take goes to unsent.
func (s *Socket) transmit(b []byte) error {
	if s.secure == nil {
		return s.transmitRaw(b)
	}
	_, err := s.secure.Write(b)
	return errors.Join(err, s.transmitSealed())
}

// transmitSealed sends what the TLS layer has written.
func (s *Socket) transmitSealed() error {
	sealed := s.loop.sealed
	s.loop.sealed = sealed[:0]
	if cap(sealed) > 4*loopBuffer { // for something large, once
		s.loop.sealed = nil
	}
	return s.transmitRaw(sealed)
}

func (s *Socket) transmitRaw(b []byte) error {
	if s.unsent != nil {
		s.unsent.bytes = append(s.unsent.bytes, b...)
		return nil
	}
	n, errno := transmit(s.fd, b)
	if errno == unix.EAGAIN {
		rest := b[n:]
		s.unsent = &unsent{bytes: append(s.loop.spares.take(len(rest)), rest...)}
		return nil
	}
	if errno != 0 {
		return os.NewSyscallError("sendto", errno)
	}
	return nil
}

// flush sends of unsent what the socket takes now.
func (s *Socket) flush() error {
	u := s.unsent
	if u == nil {
		return nil
	}
	n, errno := transmit(s.fd, u.bytes[u.from:])
	u.from += n
	if u.size() == 0 {
		s.loop.spares.give(u.bytes)
		s.unsent = nil
	}
	if errno != 0 && errno != unix.EAGAIN {
		return os.NewSyscallError("sendto", errno)
	}
	return nil
}

// close closes a socket that was taken. Called on the thread.
func (s *Socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked()
}

// wake wakes up whoever waits for something to happen on a lent socket.
func (s *Socket) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lent != nil {
		s.lent.signal()
	}
}

// closeLocked is close under mu; also called when the loop has stopped.
func (s *Socket) closeLocked() {
	s.ended = true
	s.driven.Store(false) // a TLS layer that says goodbye now must not do it to the loop
	if s.fd < 0 {
		return
	}
	if s.loop.sockets[s.fd] == s {
		s.loop.sockets[s.fd] = nil
	}
	unix.Close(int(s.fd)) // which ends epoll's watch, too
	s.fd, s.armed, s.unsent = -1, 0, nil
	if s.lent != nil {
		s.lent.signal()
	}
}

// errWouldBlock is what the TLS layer gets from a driven socket that has nothing
// to read. It is temporary, so crypto/tls goes on where it was when it is asked
// again.
var errWouldBlock net.Error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "the operation would block" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }
