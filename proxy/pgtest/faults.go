package pgtest

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Faults is how a connection misbehaves. The zero value behaves.
type Faults struct {
	// WriteSize and ReadSize are the most bytes that one call moves; a longer
	// write is made in pieces. 0 is off.
	WriteSize, ReadSize int
	// CutAfterWritten and CutAfterRead close the connection once so many bytes
	// have passed, 0 for never. Bytes beyond are not passed.
	CutAfterWritten, CutAfterRead int64
	// Reset makes a cut a TCP reset instead of an orderly end.
	Reset bool
	// StallAfterWritten blocks every write once so many bytes have passed, until
	// the connection is closed; 0 for never.
	StallAfterWritten int64
	// Delay is slept before each read and each piece that is written.
	Delay time.Duration
}

// ErrCut is what a read or write answers once Faults has cut its connection.
var ErrCut = errors.New("connection cut by the test")

// Conn wraps a connection, which belongs to the wrapper from then on.
func (f Faults) Conn(conn net.Conn) net.Conn {
	return &faultyConn{Conn: conn, faults: f, closed: make(chan struct{})}
}

type faultyConn struct {
	net.Conn
	faults        Faults
	written, read atomic.Int64
	closed        chan struct{}
	once          sync.Once
	closeError    error
}

func (c *faultyConn) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		piece := b[written:]
		if c.faults.WriteSize > 0 {
			piece = piece[:min(len(piece), c.faults.WriteSize)]
		}
		passed := c.written.Load()
		if limit := c.faults.StallAfterWritten; limit > 0 {
			if passed >= limit {
				<-c.closed
				return written, net.ErrClosed
			}
			piece = piece[:min(int64(len(piece)), limit-passed)]
		}
		if limit := c.faults.CutAfterWritten; limit > 0 {
			if passed >= limit {
				return written, c.cut()
			}
			piece = piece[:min(int64(len(piece)), limit-passed)]
		}
		time.Sleep(c.faults.Delay)
		n, err := c.Conn.Write(piece)
		written += n
		c.written.Add(int64(n))
		if err != nil {
			return written, err
		}
	}
	if limit := c.faults.CutAfterWritten; limit > 0 && c.written.Load() >= limit {
		_ = c.cut() // the next call tells
	}
	return written, nil
}

func (c *faultyConn) Read(b []byte) (int, error) {
	if c.faults.ReadSize > 0 {
		b = b[:min(len(b), c.faults.ReadSize)]
	}
	if limit := c.faults.CutAfterRead; limit > 0 {
		passed := c.read.Load()
		if passed >= limit {
			return 0, c.cut()
		}
		b = b[:min(int64(len(b)), limit-passed)]
	}
	time.Sleep(c.faults.Delay)
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// cut closes the connection in the way that was asked for.
func (c *faultyConn) cut() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && c.faults.Reset {
		_ = tcp.SetLinger(0)
	}
	c.Close()
	return ErrCut
}

// CloseWrite ends this direction and leaves the other open.
func (c *faultyConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

func (c *faultyConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.closeError = c.Conn.Close()
	})
	return c.closeError
}
