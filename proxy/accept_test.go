package proxy_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"postern/proxy"
)

// exhausted is a listener that cannot accept anybody.
type exhausted struct {
	err    error
	closed chan struct{}
	once   sync.Once
	tries  atomic.Int32
}

func (l *exhausted) Accept() (net.Conn, error) {
	l.tries.Add(1)
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", l.err)}
	}
}

func (l *exhausted) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *exhausted) Addr() net.Addr { return &net.TCPAddr{} }

// A proxy without descriptors goes on when there are some again, and does not spin
// until then.
//
// Promises: A27.
func TestA27OutOfDescriptors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		ends bool
	}{{syscall.EMFILE, false}, {syscall.ENFILE, false}, {syscall.ENOMEM, false}, {syscall.EINVAL, true}} {
		synctest.Test(t, func(t *testing.T) {
			server := proxy.New(proxy.Config{Secret: make([]byte, 32), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			listener := &exhausted{err: test.err, closed: make(chan struct{})}
			served := make(chan error, 1)
			go func() { served <- server.Serve(listener) }()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if n := listener.tries.Load(); n > 400 {
				t.Errorf("%v: %d tries in ten minutes", test.err, n)
			}
			var early bool
			select {
			case err := <-served:
				early = true
				if !errors.Is(err, test.err) {
					t.Errorf("%v: Serve answers %v", test.err, err)
				}
			default:
			}
			if early != test.ends {
				t.Errorf("%v: Serve has ended: %v", test.err, early)
			}
			server.Drain(t.Context())
			if !early {
				if err := <-served; err != nil {
					t.Errorf("%v: Serve answers %v in the end", test.err, err)
				}
			}
		})
	}
}
