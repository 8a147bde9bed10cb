package wire

import "encoding/binary"

// The sizes of a cancel key's secret: protocol 3.0 has four bytes, 3.2 any
// number up to 256.
const (
	minCancelSecret = 4
	maxCancelSecret = 256
)

// CancelRequest asks for the statement of another session to be cancelled. It
// comes on a connection of its own and is never answered; close it.
type CancelRequest struct {
	// PID and Secret are what BackendKeyData gave to the session.
	PID    uint32
	Secret []byte
}

// ParseCancel reads a packet that begins with CodeCancel. The secret has 4 to
// 256 bytes and is a part of packet.
func ParseCancel(packet []byte) (*CancelRequest, error) {
	secret := len(packet) - 8
	if secret < minCancelSecret || binary.BigEndian.Uint32(packet) != CodeCancel {
		return nil, &Error{Code: ProtocolViolation, Message: "invalid length of cancel request packet"}
	}
	if secret > maxCancelSecret {
		return nil, &Error{Code: ProtocolViolation, Message: "invalid length of cancel key in cancel request packet"}
	}
	return &CancelRequest{PID: binary.BigEndian.Uint32(packet[4:]), Secret: packet[8:]}, nil
}

// AppendCancel appends the packet for c, its length word included. The secret
// goes as it is: never shortened, whatever its length.
func AppendCancel(b []byte, c CancelRequest) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(12+len(c.Secret)))
	b = binary.BigEndian.AppendUint32(b, CodeCancel)
	b = binary.BigEndian.AppendUint32(b, c.PID)
	return append(b, c.Secret...)
}
