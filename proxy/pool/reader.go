package pool

import (
	"fmt"
	"io"
	"slices"

	"postern/proxy/wire"
)

// readSize is how much room a reader makes for one read, in bytes.
const readSize = 4096

// reader reads whole messages of the server through a buffer, and hands over what
// it read too much.
type reader struct {
	conn io.Reader
	// largest is the size of a message at most, most that of all together, in
	// bytes: a broken server must not fill memory.
	largest, most int

	bytes []byte
	used  int // of bytes: what next has returned
	total int
}

// next returns the next message, valid until the one after.
func (r *reader) next() (kind byte, message []byte, err error) {
	r.bytes = r.bytes[:copy(r.bytes, r.bytes[r.used:])]
	r.used = 0
	for {
		header, ok, err := wire.ParseHeader(r.bytes)
		switch {
		case err != nil:
			return 0, nil, fmt.Errorf("server breaks the protocol: %v", err) // not the client's fault: no *wire.Error
		case ok && header.Length > r.largest:
			return 0, nil, fmt.Errorf("server sends a message of %d bytes, of which %d are expected at most", header.Length, r.largest)
		case ok && len(r.bytes) >= header.Length:
			r.used = header.Length
			return header.Type, r.bytes[:header.Length], nil
		}
		r.bytes = slices.Grow(r.bytes, readSize)
		n, err := r.conn.Read(r.bytes[len(r.bytes):cap(r.bytes)])
		r.bytes = r.bytes[:len(r.bytes)+n]
		if r.total += n; r.total > r.most {
			return 0, nil, fmt.Errorf("server sends more than %d bytes", r.most)
		}
		if n == 0 && err != nil {
			return 0, nil, err
		}
	}
}

// rest returns what was read behind the last message.
func (r *reader) rest() []byte { return r.bytes[r.used:] }
