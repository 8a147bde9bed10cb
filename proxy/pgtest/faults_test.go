package pgtest

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pair returns two ends of a TCP connection, the first one with faults.
func pair(t *testing.T, faults Faults) (faulty, other net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	faulty = faults.Conn(conn)
	t.Cleanup(func() { faulty.Close(); other.Close() })
	return faulty, other
}

func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("cut after written", func(t *testing.T) {
		faulty, other := pair(t, Faults{CutAfterWritten: 5, WriteSize: 2})
		n, err := faulty.Write([]byte("0123456789"))
		if n != 5 || !errors.Is(err, ErrCut) {
			t.Errorf("wrote %d: %v", n, err)
		}
		if got, err := io.ReadAll(other); string(got) != "01234" || err != nil {
			t.Errorf("read %q: %v", got, err)
		}
	})
	t.Run("cut at the end of a write", func(t *testing.T) {
		faulty, other := pair(t, Faults{CutAfterWritten: 5})
		if n, err := faulty.Write([]byte("01234")); n != 5 || err != nil {
			t.Errorf("wrote %d: %v", n, err)
		}
		if got, err := io.ReadAll(other); string(got) != "01234" || err != nil {
			t.Errorf("read %q: %v", got, err)
		}
	})
	t.Run("cut after read", func(t *testing.T) {
		faulty, other := pair(t, Faults{CutAfterRead: 5, ReadSize: 3})
		if _, err := other.Write([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(faulty)
		if string(got) != "01234" || !errors.Is(err, ErrCut) {
			t.Errorf("read %q: %v", got, err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		faulty, other := pair(t, Faults{CutAfterWritten: 5, Reset: true})
		if n, err := faulty.Write([]byte("0123456789")); n != 5 || !errors.Is(err, ErrCut) {
			t.Errorf("wrote %d: %v", n, err)
		}
		if _, err := io.ReadAll(other); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the other side reads %v, want a reset", err)
		}
	})
	t.Run("stall", func(t *testing.T) {
		faulty, other := pair(t, Faults{StallAfterWritten: 5})
		wrote := make(chan error)
		go func() {
			_, err := faulty.Write([]byte("0123456789"))
			wrote <- err
		}()
		got := make([]byte, 5)
		if _, err := io.ReadFull(other, got); string(got) != "01234" || err != nil {
			t.Errorf("read %q: %v", got, err)
		}
		faulty.Close()
		if err := <-wrote; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the stalled write ends with %v", err)
		}
	})
}

func TestFaultsDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		faulty := Faults{Delay: time.Second, WriteSize: 1}.Conn(a)
		go func() {
			_, _ = io.ReadFull(b, make([]byte, 3))
			b.Close()
		}()
		start := time.Now()
		if _, err := faulty.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("three delayed bytes took %v", took)
		}
		faulty.Close()
	})
}
