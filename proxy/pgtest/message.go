package pgtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/jackc/pgx/v5/pgproto3"
)

// maxMessage is the longest body that the kit takes, so that a broken length
// does not eat the test's memory.
const maxMessage = 1 << 28

// Message is one message of a server, as it came. The zero value stands for
// "none": the connection is at its end.
type Message struct {
	Type byte
	// Body is what follows type and length; it is the message's own memory.
	Body []byte
}

// readMessage reads exactly one message of either side (not a startup packet).
func readMessage(r io.Reader) (Message, error) {
	var header [5]byte
	if n, err := io.ReadFull(r, header[:]); err != nil {
		if n == 0 && closed(err) {
			err = io.EOF // TLS without close_notify says ErrUnexpectedEOF
		}
		if n > 0 && closed(err) {
			err = fmt.Errorf("read header of message %q: %w", header[0], errTorn)
		}
		return Message{}, err
	}
	length := binary.BigEndian.Uint32(header[1:])
	if length < 4 || length-4 > maxMessage {
		return Message{}, fmt.Errorf("message %q says that it is %d bytes long", header[0], length)
	}
	m := Message{Type: header[0], Body: make([]byte, length-4)}
	if _, err := io.ReadFull(r, m.Body); err != nil {
		if closed(err) {
			err = errTorn
		}
		return Message{}, fmt.Errorf("read message %q: %w", m.Type, err)
	}
	return m, nil
}

// errTorn: the connection has ended inside a message.
var errTorn = errors.New("the connection has ended inside it")

// closed reports whether the other side has ended the connection. Whether that
// shows as EOF or as a reset depends on who was faster.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Append appends the message as it goes over the wire.
func (m Message) Append(b []byte) []byte {
	b = append(b, m.Type)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Body)+4))
	return append(b, m.Body...)
}

// Decode returns the message as a struct of pgproto3 of its own.
func (m Message) Decode() (pgproto3.BackendMessage, error) {
	decoded := m.blank()
	if decoded == nil {
		return nil, fmt.Errorf("decode message: no server sends type %q", m.Type)
	}
	if err := decoded.Decode(m.Body); err != nil {
		return nil, fmt.Errorf("decode message %q: %w", m.Type, err)
	}
	return decoded, nil
}

// Error returns the fields of an ErrorResponse or NoticeResponse, and zero
// ones for any other message.
func (m Message) Error() *pgproto3.ErrorResponse {
	e := &pgproto3.ErrorResponse{}
	if m.Type == 'E' || m.Type == 'N' {
		_ = e.Decode(m.Body) // what cannot be read stays empty, as said
	}
	return e
}

// blank returns the struct for the message's type (protocol, 55.7), or nil.
func (m Message) blank() pgproto3.BackendMessage {
	switch m.Type {
	case 'R':
		return m.blankAuthentication()
	case 'K':
		return &pgproto3.BackendKeyData{}
	case '2':
		return &pgproto3.BindComplete{}
	case '3':
		return &pgproto3.CloseComplete{}
	case 'C':
		return &pgproto3.CommandComplete{}
	case 'd':
		return &pgproto3.CopyData{}
	case 'c':
		return &pgproto3.CopyDone{}
	case 'G':
		return &pgproto3.CopyInResponse{}
	case 'H':
		return &pgproto3.CopyOutResponse{}
	case 'W':
		return &pgproto3.CopyBothResponse{}
	case 'D':
		return &pgproto3.DataRow{}
	case 'I':
		return &pgproto3.EmptyQueryResponse{}
	case 'E':
		return &pgproto3.ErrorResponse{}
	case 'V':
		return &pgproto3.FunctionCallResponse{}
	case 'v':
		return &pgproto3.NegotiateProtocolVersion{}
	case 'n':
		return &pgproto3.NoData{}
	case 'N':
		return &pgproto3.NoticeResponse{}
	case 'A':
		return &pgproto3.NotificationResponse{}
	case 't':
		return &pgproto3.ParameterDescription{}
	case 'S':
		return &pgproto3.ParameterStatus{}
	case '1':
		return &pgproto3.ParseComplete{}
	case 's':
		return &pgproto3.PortalSuspended{}
	case 'Z':
		return &pgproto3.ReadyForQuery{}
	case 'T':
		return &pgproto3.RowDescription{}
	}
	return nil
}

func (m Message) blankAuthentication() pgproto3.BackendMessage {
	switch m.authentication() {
	case pgproto3.AuthTypeOk:
		return &pgproto3.AuthenticationOk{}
	case pgproto3.AuthTypeCleartextPassword:
		return &pgproto3.AuthenticationCleartextPassword{}
	case pgproto3.AuthTypeMD5Password:
		return &pgproto3.AuthenticationMD5Password{}
	case pgproto3.AuthTypeSASL:
		return &pgproto3.AuthenticationSASL{}
	case pgproto3.AuthTypeSASLContinue:
		return &pgproto3.AuthenticationSASLContinue{}
	case pgproto3.AuthTypeSASLFinal:
		return &pgproto3.AuthenticationSASLFinal{}
	}
	return nil
}

// authentication returns the kind of an Authentication message, or -1.
func (m Message) authentication() int64 {
	if m.Type != 'R' || len(m.Body) < 4 {
		return -1
	}
	return int64(binary.BigEndian.Uint32(m.Body))
}
