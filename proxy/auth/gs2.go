package auth

import (
	"strconv"
	"strings"

	"postern/proxy/wire"
)

// What a client-first-message and a client-final-message say about channel
// binding (RFC 5802, sections 6 and 7), judged as PostgreSQL judges it.

const bindingType = "tls-server-end-point"

// cutGS2Header takes "flag,authzid," from the front of a client-first-message
// and checks that the flag suits the mechanism that was chosen.
func (s *Server) cutGS2Header(msg string) (bare string, err error) {
	if msg == "" {
		return "", malformed("The message is empty.")
	}
	if strings.IndexByte(msg, 0) >= 0 {
		return "", malformed("Message length does not match input length.")
	}
	flag, rest, ok1 := strings.Cut(msg, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	if !ok1 || !ok2 {
		return "", malformed("Comma expected, but found end of string.")
	}
	if err := s.checkFlag(flag); err != nil {
		return "", err
	}
	if strings.HasPrefix(authzid, "a") {
		return "", &wire.Error{
			Code:    wire.FeatureNotSupported,
			Message: "client uses authorization identity, but it is not supported",
		}
	}
	if authzid != "" {
		return "", malformed("Unexpected attribute in client-first-message.")
	}
	s.gs2Header = flag + ",,"
	return bare, nil
}

func (s *Server) checkFlag(flag string) error {
	kind, isBinding := strings.CutPrefix(flag, "p=")
	switch {
	case isBinding && !s.plus:
		return malformed("The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.")
	case isBinding && kind != bindingType:
		return &wire.Error{
			Code:    wire.ProtocolViolation,
			Message: "unsupported SCRAM channel-binding type " + quote(kind),
		}
	case isBinding:
		return nil
	case flag != "n" && flag != "y":
		return malformed("Unexpected channel-binding flag " + quote(flag) + ".")
	case s.plus:
		return malformed("The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.")
	case flag == "y" && s.config.ChannelBinding != nil:
		// Somebody in between has taken -PLUS out of the list.
		return &wire.Error{
			Code:    wire.InvalidAuthorization,
			Message: "SCRAM channel binding negotiation error",
			Detail:  "The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.",
		}
	}
	return nil
}

// checkBinding checks the attribute c of a client-final-message: the header of
// the first message again and, if bound, the certificate that the client saw.
func (s *Server) checkBinding(value string) error {
	want := []byte(s.gs2Header)
	if s.plus {
		want = append(want, s.config.ChannelBinding...)
	}
	if value == base64Encoding.EncodeToString(want) {
		return nil
	}
	if s.plus {
		return &wire.Error{
			Code:    wire.InvalidAuthorization,
			Message: "SCRAM channel binding check failed",
		}
	}
	return &wire.Error{
		Code:    wire.ProtocolViolation,
		Message: "unexpected SCRAM channel-binding attribute in client-final-message",
	}
}

// malformed is PostgreSQL's answer to a SCRAM message that cannot be read.
func malformed(detail string) *wire.Error {
	return &wire.Error{Code: wire.ProtocolViolation, Message: "malformed SCRAM message", Detail: detail}
}

func expected(attribute string) *wire.Error {
	return malformed(`Expected attribute "` + attribute + `".`)
}

// quote makes a piece of a stranger's message fit for an error message.
func quote(s string) string { return strconv.QuoteToASCII(s[:min(len(s), 32)]) }
