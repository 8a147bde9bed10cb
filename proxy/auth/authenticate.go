package auth

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/wire"
)

// Request is what Authenticate asks a client to prove.
type Request struct {
	// User is who the client says it is, for the error message only.
	User string
	// Verifier is the role's, or a Mock.
	Verifier Verifier
	// ChannelBinding is the EndPointBinding of wire.Opening.Certificate; nil in
	// the clear.
	ChannelBinding []byte
}

// Proof is what a client has proved to have. It logs in at every server with
// the same verifier, so keep it as short as possible and zero it; fmt and slog
// show none of it.
type Proof struct {
	ClientKey []byte
	// Final is AuthenticationSASLFinal, encoded, for the caller to send before
	// AuthenticationOk. PostgreSQL sends both with the rest of its greeting.
	Final []byte
}

// Format keeps p out of everything that package fmt writes.
func (p Proof) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue keeps p out of logs.
func (p Proof) LogValue() slog.Value { return slog.StringValue(hidden) }

// Authenticate runs the exchange on conn, from AuthenticationSASL to the client's
// last message; Proof.Final and AuthenticationOk are the caller's to send, and so is
// the error: a *wire.Error, or what conn or its deadline says. It reads not a
// byte more than the client's messages, each at most wire.MaxPassword. It does
// not close conn.
func Authenticate(conn io.ReadWriter, r Request) (*Proof, error) {
	server := NewServer(ServerConfig{Verifier: r.Verifier, ChannelBinding: r.ChannelBinding})
	if err := send(conn, &pgproto3.AuthenticationSASL{AuthMechanisms: server.Mechanisms()}); err != nil {
		return nil, err
	}
	mechanism, first, err := readInitialResponse(conn)
	if err != nil {
		return nil, err
	}
	if err := server.Choose(mechanism); err != nil {
		return nil, err
	}
	if first == nil { // the client wants to be asked
		if err := send(conn, &pgproto3.AuthenticationSASLContinue{}); err != nil {
			return nil, err
		}
		if first, err = readResponse(conn); err != nil {
			return nil, err
		}
	}
	challenge, err := server.First(first)
	if err != nil {
		return nil, err
	}
	if err := send(conn, &pgproto3.AuthenticationSASLContinue{Data: challenge}); err != nil {
		return nil, err
	}
	final, err := readResponse(conn)
	if err != nil {
		return nil, err
	}
	outcome, clientKey, err := server.Final(final)
	if errors.Is(err, ErrWrongPassword) {
		return nil, &wire.Error{
			Code:    wire.InvalidPassword,
			Message: `password authentication failed for user "` + r.User + `"`,
		}
	}
	if err != nil {
		return nil, err
	}
	last, err := (&pgproto3.AuthenticationSASLFinal{Data: outcome}).Encode(nil)
	if err != nil {
		return nil, fmt.Errorf("encode authentication message: %w", err)
	}
	return &Proof{ClientKey: clientKey, Final: last}, nil
}

func send(w io.Writer, m pgproto3.BackendMessage) error {
	b, err := m.Encode(nil)
	if err != nil {
		return fmt.Errorf("encode authentication message: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("send authentication message: %w", err)
	}
	return nil
}

// readInitialResponse reads a SASLInitialResponse. data is nil if the client
// sends none, which is not the same as an empty one.
func readInitialResponse(r io.Reader) (mechanism string, data []byte, err error) {
	body, err := readResponse(r)
	if err != nil {
		return "", nil, err
	}
	name, rest, ok := bytes.Cut(body, []byte{0})
	if !ok || len(rest) < 4 {
		return "", nil, invalidFormat()
	}
	length, data := int32(binary.BigEndian.Uint32(rest)), rest[4:]
	switch {
	case length == -1 && len(data) == 0:
		return string(name), nil, nil
	case int(length) != len(data):
		return "", nil, invalidFormat()
	}
	return string(name), data, nil
}

func readResponse(r io.Reader) ([]byte, error) {
	typ, body, err := wire.ReadMessage(r, wire.MaxPassword)
	if err != nil {
		return nil, err
	}
	if typ != wire.MsgPassword {
		return nil, &wire.Error{
			Code:    wire.ProtocolViolation,
			Message: fmt.Sprintf("expected SASL response, got message type %d", typ),
		}
	}
	return body, nil
}

func invalidFormat() *wire.Error {
	return &wire.Error{Code: wire.ProtocolViolation, Message: "invalid message format"}
}
