//go:build linux

package engine

import (
	"net"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// loopBuffer is what a loop reads at a time, in bytes.
const loopBuffer = 64 << 10

// eventLoop is one loop: a thread, and what it shares among its connections. All
// of it belongs to the thread but for what is under mu.
type eventLoop struct {
	config  LoopConfig
	epoll   int
	wakeup  int       // an eventfd, which wakes the loop up
	sockets []*Socket // by descriptor
	events  [256]unix.EpollEvent
	buffer  []byte

	toClient, toServer gather // of what is being handled
	sealed             []byte // what a TLS connection has written and is to be sent
	spares             spares
	again              []*Socket // whose TLS layer may hold more than the socket shows
	deadlines          deadlines
	now                int64 // a moment: when what is being handled was seen
	live               int   // conversations that have begun and are not over
	stopping           bool
	emptied            []letter // room for inbox
	stopped            chan struct{}

	mu     sync.Mutex
	inbox  []letter // under mu: what others want done on the thread
	awake  bool     // under mu: it will look into the inbox by itself, or wakeup was written to
	closed bool     // under mu: nobody looks into the inbox any more
}

func newEventLoop(config LoopConfig) (*eventLoop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wakeup, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &eventLoop{config: config, epoll: epoll, wakeup: wakeup, buffer: make([]byte, loopBuffer), stopped: make(chan struct{})}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wakeup, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wakeup)}); err != nil {
		unix.Close(epoll)
		unix.Close(wakeup)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	go l.run()
	return l, nil
}

// run is the thread. stop waits for it.
func (l *eventLoop) run() {
	runtime.LockOSThread()
	defer close(l.stopped)
	for !l.stopping || l.live > 0 {
		n := l.wait()
		l.now = moment()
		l.noteAwake()
		for _, event := range l.events[:n] {
			if event.Fd == int32(l.wakeup) {
				var count [8]byte
				unix.Read(l.wakeup, count[:])
				continue
			}
			// A socket may have been closed by what was handled before.
			if s := l.sockets[event.Fd]; s != nil {
				s.happened(event.Events)
			}
		}
		l.goOn()
		l.expire()
		l.doPosted()
	}
	l.shutDown()
}

// wait returns how many events there are.
func (l *eventLoop) wait() int {
	timeout := l.untilDeadline()
	if len(l.again) > 0 {
		timeout = 0
	}
	brief := timeout
	if brief < 0 || brief > shortWait {
		brief = shortWait
	}
	if n := poll(l.epoll, l.events[:], brief, true); n > 0 || brief == timeout {
		return n
	}
	return poll(l.epoll, l.events[:], timeout, false)
}

// goOn handles the sockets whose TLS layer holds more.
func (l *eventLoop) goOn() {
	if len(l.again) == 0 {
		return
	}
	again := l.again
	l.again = nil
	for i, s := range again {
		again[i] = nil
		s.queued = false
		if s.fd >= 0 && s.driven.Load() {
			s.owner.ready(unix.EPOLLIN)
		}
	}
	if l.again == nil {
		l.again = again[:0]
	}
}

// post has f called on the thread, after what was posted before. It is false if
// the loop has stopped.
func (l *eventLoop) post(f func()) bool { return l.send(letter{do: f}) }

// letter is for the thread: something to be done, or a server connection that a
// conversation has waited for, or why there is none.
type letter struct {
	do   func()
	to   *LoopConversation
	peer Peer
	err  error
}

func (m *letter) open() {
	if m.to != nil {
		m.to.delivered(m.peer, m.err)
		return
	}
	m.do()
}

// send is post for any letter.
func (l *eventLoop) send(m letter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.inbox = append(l.inbox, m)
	if !l.awake {
		l.awake = true
		unix.Write(l.wakeup, []byte{1, 0, 0, 0, 0, 0, 0, 1})
	}
	return true
}

// noteAwake spares those who post from now on waking the thread up: it looks into
// the inbox before it waits again.
func (l *eventLoop) noteAwake() {
	l.mu.Lock()
	l.awake = true
	l.mu.Unlock()
}

// doPosted does what was posted, and what is posted meanwhile.
func (l *eventLoop) doPosted() {
	for {
		l.mu.Lock()
		inbox := l.inbox
		if len(inbox) == 0 {
			l.awake = false
			l.mu.Unlock()
			return
		}
		l.inbox, l.emptied = l.emptied, nil
		l.mu.Unlock()
		for i := range inbox {
			inbox[i].open()
			inbox[i] = letter{}
		}
		l.emptied = inbox[:0]
	}
}

// stop ends the conversations, and then the loop, and waits for that.
func (l *eventLoop) stop() {
	l.post(func() {
		l.stopping = true
		for _, s := range l.sockets {
			if s == nil {
				continue
			}
			if c := s.owner.relayed(); c != nil {
				c.end(net.ErrClosed)
				c.abandon()
			}
		}
	})
	<-l.stopped
}

// shutDown lets go of the sockets that are still there.
func (l *eventLoop) shutDown() {
	l.mu.Lock()
	l.closed = true
	inbox := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for i := range inbox {
		inbox[i].open()
	}
	for _, s := range l.sockets {
		if s != nil {
			s.wake()
		}
	}
	unix.Close(l.epoll)
	unix.Close(l.wakeup)
}
