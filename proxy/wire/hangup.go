package wire

import (
	"errors"
	"io"
	"syscall"
)

// ErrHangUp: the other side went away before it began the next message. Load
// balancers' health checks and psql asking for a password look like this; it is
// not worth a line in the log.
var ErrHangUp = errors.New("the other side hung up")

// readStart fills b, the first bytes of a message. If not one of them comes
// because the other side is gone, the error is ErrHangUp.
func readStart(r io.Reader, b []byte) error {
	n, err := io.ReadFull(r, b)
	if n == 0 && hungUp(err) {
		return ErrHangUp
	}
	return unexpected(err)
}

// readRest fills b, where the end of the stream is always a fault.
func readRest(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	return unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// hungUp reports whether err says that the other side is gone. Within TLS that
// is io.ErrUnexpectedEOF if it did not say goodbye, as OpenSSL 3 often does not.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
