package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"postern/proxy/wire"
)

// The SASL mechanisms, by their names in PostgreSQL.
const (
	ScramSHA256     = "SCRAM-SHA-256"
	ScramSHA256Plus = "SCRAM-SHA-256-PLUS" // bound to the TLS connection
)

// ErrWrongPassword: the exchange was well-formed, but the proof does not match
// the verifier.
var ErrWrongPassword = errors.New("wrong password")

// ServerConfig is what a server needs for one exchange.
type ServerConfig struct {
	// Verifier is the role's, or a Mock.
	Verifier Verifier
	// ChannelBinding is the EndPointBinding of the connection; nil where there is
	// none, and then SCRAM-SHA-256-PLUS is not offered.
	ChannelBinding []byte
}

// Server is the server's side of one SCRAM exchange, without a connection:
// Mechanisms, Choose, First, Final, in this order. It ends with the first
// error. Errors are *wire.Error in PostgreSQL's words, but for ErrWrongPassword.
type Server struct {
	config ServerConfig
	own    string // our half of the nonce
	plus   bool   // the client has chosen SCRAM-SHA-256-PLUS

	gs2Header string // how the client's first message begins
	nonce     string // the client's half and ours
	message   string // AuthMessage (RFC 5802, section 3), without its last part
}

// NewServer begins an exchange.
func NewServer(config ServerConfig) *Server { return &Server{config: config, own: newNonce()} }

// Mechanisms is what is offered, the strongest first.
func (s *Server) Mechanisms() []string {
	if s.config.ChannelBinding != nil {
		return []string{ScramSHA256Plus, ScramSHA256}
	}
	return []string{ScramSHA256}
}

// Choose takes the client's choice.
func (s *Server) Choose(mechanism string) error {
	switch {
	case mechanism == ScramSHA256:
		s.plus = false
	case mechanism == ScramSHA256Plus && s.config.ChannelBinding != nil:
		s.plus = true
	default:
		return &wire.Error{
			Code:    wire.ProtocolViolation,
			Message: "client selected an invalid SASL authentication mechanism",
		}
	}
	return nil
}

// First answers the client-first-message with the server-first-message. The
// user name in it is ignored: the startup packet has named the user.
func (s *Server) First(msg []byte) (challenge []byte, err error) {
	bare, err := s.cutGS2Header(string(msg))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(bare, "m") {
		return nil, &wire.Error{
			Code:    wire.FeatureNotSupported,
			Message: "client requires an unsupported SCRAM extension",
		}
	}
	_, rest, ok := cutAttribute(bare, 'n')
	if !ok {
		return nil, expected("n")
	}
	nonce, rest, ok := cutAttribute(rest, 'r')
	if !ok {
		return nil, expected("r")
	}
	if !validNonce(nonce) {
		return nil, &wire.Error{
			Code:    wire.ProtocolViolation,
			Message: "non-printable characters in SCRAM nonce",
			Detail:  "A nonce is printable, not empty, and not endless.",
		}
	}
	if !validExtensions(rest) {
		return nil, malformed("Attribute expected.")
	}
	s.nonce = nonce + s.own
	first := serverFirst(s.nonce, s.config.Verifier)
	s.message = bare + "," + first + ","
	return []byte(first), nil
}

func serverFirst(nonce string, v Verifier) string {
	return fmt.Sprintf("r=%s,s=%s,i=%d", nonce, base64Encoding.EncodeToString(v.Salt), v.Iterations)
}

// Final checks the client-final-message. If the proof holds it returns the
// server-final-message and the client's key, which is a secret of the caller
// from now on; if not, ErrWrongPassword.
func (s *Server) Final(msg []byte) (outcome, clientKey []byte, err error) {
	withoutProof, proofText, ok := strings.Cut(string(msg), ",p=")
	if !ok {
		return nil, nil, expected("p")
	}
	binding, rest, ok := cutAttribute(withoutProof, 'c')
	if !ok {
		return nil, nil, expected("c")
	}
	if err := s.checkBinding(binding); err != nil {
		return nil, nil, err
	}
	nonce, rest, ok := cutAttribute(rest, 'r')
	if !ok {
		return nil, nil, expected("r")
	}
	if !validExtensions(rest) {
		return nil, nil, malformed("Attribute expected.")
	}
	proof, ok := parseBase64(proofText)
	if !ok || len(proof) != keySize {
		return nil, nil, malformed("Malformed proof in client-final-message.")
	}
	if s.nonce == "" || nonce != s.nonce {
		return nil, nil, &wire.Error{
			Code:    wire.ProtocolViolation,
			Message: "invalid SCRAM response",
			Detail:  "Nonce does not match.",
		}
	}

	v := s.config.Verifier
	message := s.message + withoutProof
	clientKey = make([]byte, keySize)
	subtle.XORBytes(clientKey, proof, mac(v.StoredKey, message))
	outcome = []byte("v=" + base64Encoding.EncodeToString(mac(v.ServerKey, message)))
	storedKey := sha256.Sum256(clientKey)
	if !hmac.Equal(storedKey[:], v.StoredKey) {
		return nil, nil, ErrWrongPassword
	}
	return outcome, clientKey, nil
}
