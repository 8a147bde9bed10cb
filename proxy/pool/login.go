package pool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/auth"
	"postern/proxy/wire"
)

// What a server may say during a login at most, in bytes: in one message, and in
// all.
const (
	maxLoginMessage = 64 << 10
	maxLogin        = 256 << 10
)

// login runs the protocol from the startup packet to ReadyForQuery.
func (s *Server) login(login Login) error {
	if err := s.startup(login); err != nil {
		return err
	}
	r := reader{conn: s.Conn, largest: maxLoginMessage, most: maxLogin}
	proof := proof{client: auth.NewClient(login.Keys)}
	for {
		kind, message, err := r.next()
		if err != nil {
			return err
		}
		body := message[wire.HeaderSize:]
		switch kind {
		case wire.MsgAuthentication:
			err = s.authenticate(&proof, body)
		case wire.MsgErrorResponse:
			return refused(message)
		case wire.MsgNoticeResponse:
			s.Said = append(s.Said, message...)
			s.Notices = append(s.Notices, message...)
		case wire.MsgParameterStatus:
			s.Said = append(s.Said, message...)
			err = s.note(body)
		case wire.MsgBackendKeyData:
			if len(body) < 4+4 || len(body) > 4+256 {
				return fmt.Errorf("server's key has %d bytes", len(body)-4)
			}
			s.key = wire.CancelRequest{PID: binary.BigEndian.Uint32(body), Secret: bytes.Clone(body[4:])}
		case wire.MsgNegotiateProtocolVersion:
			// A server that knows less than 3.0 with our parameters does not exist.
		case wire.MsgReadyForQuery:
			if !proof.accepted {
				return errors.New("server is ready before it has let anybody in")
			}
			s.Early = bytes.Clone(r.rest())
			return nil
		default:
			return fmt.Errorf("server sent message type %q during the login", kind)
		}
		if err != nil {
			return err
		}
	}
}

// note keeps what a ParameterStatus says.
func (s *Server) note(body []byte) error {
	var m pgproto3.ParameterStatus
	if err := m.Decode(body); err != nil {
		return fmt.Errorf("read ParameterStatus: %w", err)
	}
	if s.Parameters == nil {
		s.Parameters = make(map[string]string)
	}
	s.Parameters[m.Name] = m.Value
	return nil
}

func (s *Server) startup(login Login) error {
	parameters := map[string]string{"user": login.Role, "database": login.Database}
	for name, value := range login.Settings {
		parameters[name] = value
	}
	if login.Replication != "" {
		parameters["replication"] = login.Replication
	}
	packet, err := (&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      parameters,
	}).Encode(nil)
	if err != nil {
		return err
	}
	_, err = s.Write(packet)
	return err
}

// proof is how far the authentication has come.
type proof struct {
	client   *auth.Client
	begun    bool // the server has asked for SCRAM
	verified bool // it has shown that it has the verifier
	accepted bool // it has let us in
}

// authenticate answers one authentication request. A server that asks for SCRAM
// has to go through with it: else anybody could pose as one that knows the role.
func (s *Server) authenticate(proof *proof, body []byte) error {
	if len(body) < 4 {
		return errors.New("server's authentication request is too short")
	}
	kind, data := binary.BigEndian.Uint32(body), body[4:]
	var answer pgproto3.FrontendMessage
	switch kind {
	case pgproto3.AuthTypeOk:
		if proof.begun && !proof.verified {
			return errors.New("server lets us in without having shown that it has the verifier")
		}
		proof.accepted = true
		return nil
	case pgproto3.AuthTypeSASL:
		proof.begun = true
		var offer pgproto3.AuthenticationSASL
		if err := offer.Decode(body); err != nil {
			return err
		}
		mechanism, first, err := proof.client.ClientFirst(offer.AuthMechanisms)
		if err != nil {
			return err
		}
		answer = &pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: first}
	case pgproto3.AuthTypeSASLContinue:
		final, err := proof.client.ClientFinal(data)
		if err != nil {
			return err
		}
		answer = &pgproto3.SASLResponse{Data: final}
	case pgproto3.AuthTypeSASLFinal:
		err := proof.client.Verify(data)
		proof.verified = err == nil
		return err
	default:
		return fmt.Errorf("server asks for authentication method %d; only SCRAM-SHA-256 is possible without the password", kind)
	}
	message, err := answer.Encode(nil)
	if err != nil {
		return err
	}
	_, err = s.Write(message)
	return err
}
