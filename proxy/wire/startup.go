package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxStartup is the most bytes a startup packet may have behind its length word
// (MAX_STARTUP_PACKET_LENGTH in PostgreSQL).
const MaxStartup = 10000

// The codes that a startup packet begins with: a request, or the version of the
// protocol, major in the upper and minor in the lower half.
const (
	CodeCancel uint32 = 1234<<16 | 5678
	CodeSSL    uint32 = 1234<<16 | 5679
	CodeGSSENC uint32 = 1234<<16 | 5680

	Version30 uint32 = 3 << 16
	Version32 uint32 = 3<<16 | 2 // the newest that Postern speaks
)

// Startup is what a client says of itself before it has proved anything. None
// of it may reach a server before the client is authenticated.
type Startup struct {
	// Version is the protocol version asked for; NegotiatedVersion tells which
	// one is spoken.
	Version uint32
	// User is never empty.
	User string
	// Database is User where the client named none. (libpq fills it in the same
	// way, so the two cases cannot be told apart.)
	Database string
	// Parameters are all the others as they came, options, application_name and
	// replication among them. Values may be empty. Never nil.
	Parameters map[string]string
	// Extensions are the protocol options asked for (_pq_.…), each once, in the
	// order they came.
	Extensions []string
}

// ReadStartupPacket reads one packet without a type byte and not a byte more.
// The packet is what stands behind the length word, its first four bytes being
// the code. The length is checked before anything is allocated; the error is
// ErrHangUp where the client closes without a word.
func ReadStartupPacket(r io.Reader) (code uint32, packet []byte, err error) {
	var word [4]byte
	if err := readStart(r, word[:]); err != nil {
		return 0, nil, fmt.Errorf("read startup packet: %w", err)
	}
	return readStartupRest(r, word)
}

// readStartupRest reads what follows the length word.
func readStartupRest(r io.Reader, word [4]byte) (code uint32, packet []byte, err error) {
	length := int64(binary.BigEndian.Uint32(word[:])) - 4
	if length < 4 || length > MaxStartup {
		return 0, nil, &Error{Code: ProtocolViolation, Message: "invalid length of startup packet"}
	}
	packet = make([]byte, length)
	if err := readRest(r, packet); err != nil {
		return 0, nil, fmt.Errorf("read startup packet: %w", err)
	}
	return binary.BigEndian.Uint32(packet), packet, nil
}

// ParseStartup reads a packet that begins with a protocol version, by
// PostgreSQL's rules and with its messages: of a name that comes twice the last
// value counts, and the terminator must be the last byte. A version other than
// 3.x is refused with 0A000. The Startup keeps nothing of packet.
func ParseStartup(packet []byte) (*Startup, error) {
	if len(packet) < 4 {
		return nil, &Error{Code: ProtocolViolation, Message: "invalid length of startup packet"}
	}
	s := &Startup{Version: binary.BigEndian.Uint32(packet), Parameters: map[string]string{}}
	if s.Version>>16 != 3 {
		return nil, &Error{
			Code: FeatureNotSupported,
			Message: fmt.Sprintf("unsupported frontend protocol %s: server supports 3.0 to %s",
				versionString(s.Version), versionString(Version32)),
		}
	}
	rest := packet[4:]
	for {
		name, after, ok := cutString(rest)
		if !ok || name == "" {
			break
		}
		value, after, ok := cutString(after)
		if !ok {
			break
		}
		rest = after
		switch {
		case name == "user":
			s.User = value
		case name == "database":
			s.Database = value
		case strings.HasPrefix(name, "_pq_."):
			if !slices.Contains(s.Extensions, name) {
				s.Extensions = append(s.Extensions, name)
			}
		default:
			s.Parameters[name] = value
		}
	}
	if len(rest) != 1 || rest[0] != 0 {
		return nil, &Error{
			Code:    ProtocolViolation,
			Message: "invalid startup packet layout: expected terminator as last byte",
		}
	}
	if s.User == "" {
		return nil, &Error{
			Code:    InvalidAuthorization,
			Message: "no PostgreSQL user name specified in startup packet",
		}
	}
	if s.Database == "" {
		s.Database = s.User
	}
	return s, nil
}

// cutString takes a zero-terminated string from the front of b.
func cutString(b []byte) (s string, rest []byte, ok bool) {
	head, rest, ok := bytes.Cut(b, []byte{0})
	return string(head), rest, ok
}

func versionString(v uint32) string { return fmt.Sprintf("%d.%d", v>>16, v&0xffff) }

// NegotiatedVersion returns the protocol version to speak with a client that
// asked for a 3.x, and whether it is older than asked. It is Version32 or less;
// nobody has ever specified 3.1, it is spoken as 3.0 is.
func NegotiatedVersion(asked uint32) (version uint32, older bool) {
	if asked > Version32 {
		return Version32, true
	}
	return asked, false
}

// AppendNegotiate appends the NegotiateProtocolVersion that answers a client
// which asked for a newer version or for protocol options that are not
// recognised, and nothing where there is nothing to negotiate. It is to be sent
// once, before any authentication message.
func AppendNegotiate(b []byte, asked uint32, unrecognised []string) []byte {
	version, older := NegotiatedVersion(asked)
	if !older && len(unrecognised) == 0 {
		return b
	}
	length := 4 + 4 + 4
	for _, name := range unrecognised {
		length += len(name) + 1
	}
	b = append(b, MsgNegotiateProtocolVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(unrecognised)))
	for _, name := range unrecognised {
		b = append(b, name...)
		b = append(b, 0)
	}
	return b
}
