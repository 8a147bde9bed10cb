package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// HeaderSize is the type byte and the length word of a message.
const HeaderSize = 5

// The most that PostgreSQL lets the length word of a client's message say:
// little for messages that carry a name or nothing, its largest allocation for
// the others (PQ_SMALL_MESSAGE_LIMIT and PQ_LARGE_MESSAGE_LIMIT in libpq.h).
const (
	MaxSmallMessage = 10000
	MaxLargeMessage = 1<<30 - 2
)

// maxMessage is the most a server can build: its largest allocation, and the
// length word besides.
const maxMessage = 1<<30 - 1 + 4

// MaxPassword bounds the messages of a login, for ReadMessage. PostgreSQL takes
// tokens of this size (PG_MAX_AUTH_TOKEN_LENGTH).
const MaxPassword = 65535

// Header is the head of a message.
type Header struct {
	// Type is the first byte, one of the Msg constants.
	Type byte
	// Length is the size of the whole message in bytes, its type byte and its
	// length word included.
	Length int
}

// ParseHeader reads the head of a message that b begins with, whichever side
// sent it. It answers false while b holds less than HeaderSize bytes, and an
// *Error (08P01) when the length cannot be one. It does not allocate.
func ParseHeader(b []byte) (Header, bool, error) {
	return parseHeader(b, maxMessage)
}

// ParseClientHeader is ParseHeader for what a client sends after its login: it
// refuses the types that a client must not send then, and lengths beyond what
// PostgreSQL allows for the type, in PostgreSQL's words.
func ParseClientHeader(b []byte) (Header, bool, error) {
	if len(b) < HeaderSize {
		return Header{}, false, nil
	}
	limit := clientLimit(b[0])
	if limit == 0 {
		return Header{}, false, invalidType(b[0])
	}
	return parseHeader(b, limit)
}

func parseHeader(b []byte, limit uint32) (Header, bool, error) {
	if len(b) < HeaderSize {
		return Header{}, false, nil
	}
	length := binary.BigEndian.Uint32(b[1:])
	if length < 4 || length > limit {
		return Header{}, false, invalidLength(b[0], length)
	}
	return Header{Type: b[0], Length: 1 + int(length)}, true, nil
}

// clientLimit is the most the length word of a client's message may say, 0 for
// a type that PostgreSQL does not know after the login.
func clientLimit(typ byte) uint32 {
	switch typ {
	case MsgQuery, MsgParse, MsgBind, MsgFunctionCall, MsgCopyData:
		return MaxLargeMessage
	case MsgExecute, MsgDescribe, MsgClose, MsgSync, MsgFlush, MsgTerminate, MsgCopyDone, MsgCopyFail:
		return MaxSmallMessage
	}
	return 0
}

func invalidType(typ byte) *Error {
	return &Error{Code: ProtocolViolation, Message: fmt.Sprintf("invalid frontend message type %d", typ)}
}

func invalidLength(typ byte, length uint32) *Error {
	return &Error{
		Code:    ProtocolViolation,
		Message: "invalid message length",
		Detail:  fmt.Sprintf("Message type %d, length %d.", typ, int32(length)),
	}
}

// ReadMessage reads one message and not a byte more. A length word beyond max
// is refused (08P01) before anything is allocated; this is for the login, the
// relay has no use for it. If the other side closes instead of sending, the
// error is ErrHangUp.
func ReadMessage(r io.Reader, max int) (typ byte, body []byte, err error) {
	var head [HeaderSize]byte
	if err := readStart(r, head[:]); err != nil {
		return 0, nil, fmt.Errorf("read message: %w", err)
	}
	h, _, err := parseHeader(head[:], uint32(min(max, maxMessage)))
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, h.Length-HeaderSize)
	if err := readRest(r, body); err != nil {
		return 0, nil, fmt.Errorf("read message: %w", err)
	}
	return h.Type, body, nil
}
