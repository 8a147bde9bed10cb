package wire

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
)

// NegotiateOptions is what a server offers to a connection that has not said
// anything yet.
type NegotiateOptions struct {
	// TLS is the server's configuration, nil to offer none. It is not written
	// to. The protocol for ALPN is set and session tickets are turned off, as
	// PostgreSQL has it: channel binding needs the certificate of this very
	// handshake.
	TLS *tls.Config
	// RequireTLS refuses a startup packet that comes without TLS (28000). Cancel
	// requests are taken either way: older clients never encrypt them.
	RequireTLS bool
}

// Opening is how a connection began. Exactly one of Startup and Cancel is set
// unless Negotiate failed.
type Opening struct {
	// Conn is what to go on with in place of the connection that was handed in:
	// that one, or a *tls.Conn over it. Closing it closes both. (Whoever needs the
	// one beneath keeps it: after direct TLS, NetConn answers with a wrapper.)
	Conn net.Conn
	// TLS is the state of the handshake (ServerName, PeerCertificates), nil in
	// the clear.
	TLS *tls.ConnectionState
	// Certificate is the one that the server showed, nil in the clear.
	Certificate *x509.Certificate

	Startup *Startup
	Cancel  *CancelRequest
}

// Negotiate reads what a client says first, up to its startup packet or cancel
// request and not a byte beyond: GSSENCRequest and SSLRequest, each at most once
// and in either order, or a TLS handshake at once. It answers those, and nothing
// else: NegotiateProtocolVersion and errors are the caller's to send. (PostgreSQL
// manual, "Message Flow", from "Start-up" to "GSSAPI Session Encryption".)
//
// The caller sets deadlines on conn, and closes Opening.Conn whatever happens;
// the Opening is never nil. An error that wraps an *Error may be sent there; any
// other (a failed handshake, a lost connection, ErrHangUp) is for closing only.
// Nothing that arrived in the clear is ever taken for decrypted.
func Negotiate(conn net.Conn, o NegotiateOptions) (*Opening, error) {
	n := &negotiation{options: o, opening: &Opening{Conn: conn}}
	return n.opening, n.run()
}

// negotiation is one run of Negotiate.
type negotiation struct {
	options               NegotiateOptions
	opening               *Opening
	askedSSL, askedGSSENC bool
}

func (n *negotiation) run() error {
	for start := true; ; start = false {
		conn := n.opening.Conn
		var word [4]byte
		if err := readStart(conn, word[:]); err != nil {
			return fmt.Errorf("read startup packet: %w", err)
		}
		if start && word[0] == recordHandshake {
			if err := n.directTLS(&unread{Conn: conn, bytes: word[:]}); err != nil {
				return err
			}
			continue
		}
		code, packet, err := readStartupRest(conn, word)
		if err != nil {
			return err
		}
		switch code {
		case CodeSSL:
			err = n.answerSSL()
		case CodeGSSENC:
			err = n.answerGSSENC()
		case CodeCancel:
			n.opening.Cancel, err = ParseCancel(packet)
			return err
		default:
			return n.startup(packet)
		}
		if err != nil {
			return err
		}
	}
}

func (n *negotiation) startup(packet []byte) error {
	s, err := ParseStartup(packet)
	if err != nil {
		return err
	}
	if n.options.RequireTLS && n.opening.TLS == nil {
		return &Error{
			Code:    InvalidAuthorization,
			Message: "this server accepts encrypted connections only",
			Hint:    "Connect with sslmode=require or stronger.",
			Kind:    "tls_required",
		}
	}
	n.opening.Startup = s
	return nil
}

// answerSSL answers an SSLRequest.
func (n *negotiation) answerSSL() error {
	if n.askedSSL || n.opening.TLS != nil {
		return &Error{Code: ProtocolViolation, Message: "SSL request out of order"}
	}
	n.askedSSL = true
	if err := n.refuseSurplus("SSL"); err != nil {
		return err
	}
	if n.options.TLS == nil {
		return n.answer('N')
	}
	if err := n.answer('S'); err != nil {
		return err
	}
	return n.handshake(n.opening.Conn)
}

// answerGSSENC answers a GSSENCRequest. Within TLS there can be none.
func (n *negotiation) answerGSSENC() error {
	if n.askedGSSENC || n.opening.TLS != nil {
		return &Error{Code: ProtocolViolation, Message: "GSSAPI encryption request out of order"}
	}
	n.askedGSSENC = true
	if err := n.refuseSurplus("GSSAPI encryption"); err != nil {
		return err
	}
	return n.answer('N')
}

func (n *negotiation) answer(b byte) error {
	if _, err := n.opening.Conn.Write([]byte{b}); err != nil {
		if hungUp(err) {
			err = ErrHangUp
		}
		return fmt.Errorf("answer encryption request: %w", err)
	}
	return nil
}

// refuseSurplus fails if the client did not wait for the answer to its request.
// This tells an attack from an accident; what makes the attack harmless is that
// nothing here reads ahead, so that bytes sent in the clear can only reach the
// handshake, which they break. (CVE-2021-3935, CVE-2021-23214)
func (n *negotiation) refuseSurplus(request string) error {
	if !pending(n.opening.Conn) {
		return nil
	}
	return &Error{
		Code:    ProtocolViolation,
		Message: "received unencrypted data after " + request + " request",
		Detail:  "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
		Kind:    "unencrypted_surplus",
	}
}
