package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// ErrOtherVerifier: the server asks with another salt or number of iterations
// than the keys were made with, so the password has changed since. The keys are
// of no use any more; the role must be read again.
var ErrOtherVerifier = errors.New("server has another verifier")

// LoginKeys log in at a server in place of a password, as long as its verifier
// is this very one. fmt and slog show none of it.
type LoginKeys struct {
	// ClientKey is from the Proof of a client.
	ClientKey []byte
	// Verifier is the one that was proved.
	Verifier Verifier
}

// Format keeps k out of everything that package fmt writes.
func (k LoginKeys) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue keeps k out of logs.
func (k LoginKeys) LogValue() slog.Value { return slog.StringValue(hidden) }

// maxChallenge bounds the server-first-message, in bytes.
const maxChallenge = 4096

// Client is the client's side of one SCRAM exchange, without a connection:
// ClientFirst, ClientFinal, Verify, in this order. It does not bind to a channel
// (the binding of a client's own login ends here). Its errors are for the log:
// none is a *wire.Error, and a server's words in them are cut short and quoted.
type Client struct {
	keys    LoginKeys
	nonce   string // our half
	message string // AuthMessage (RFC 5802, section 3), once it is complete
}

// NewClient begins an exchange.
func NewClient(keys LoginKeys) *Client { return &Client{keys: keys, nonce: newNonce()} }

// ClientFirst picks SCRAM-SHA-256 from what AuthenticationSASL offers and makes
// the client-first-message for it.
func (c *Client) ClientFirst(mechanisms []string) (mechanism string, msg []byte, err error) {
	if !slices.Contains(mechanisms, ScramSHA256) {
		return "", nil, errors.New("scram: server does not offer SCRAM-SHA-256")
	}
	return ScramSHA256, []byte(gs2None + c.firstBare()), nil
}

// gs2None says that the client does not bind to a channel; encoded, it is the
// attribute c of the client-final-message.
const (
	gs2None     = "n,,"
	bindingNone = "biws"
)

// firstBare leaves the user out: the startup packet has named it.
func (c *Client) firstBare() string { return "n=,r=" + c.nonce }

// ClientFinal answers the server-first-message. It fails with ErrOtherVerifier
// before it proves anything.
func (c *Client) ClientFinal(challenge []byte) ([]byte, error) {
	if len(c.keys.ClientKey) != keySize {
		return nil, errors.New("scram: login keys are incomplete")
	}
	if len(challenge) > maxChallenge {
		return nil, errors.New("scram: server's first message is too long")
	}
	first := string(challenge)
	nonce, rest, ok1 := cutAttribute(first, 'r')
	saltText, rest, ok2 := cutAttribute(rest, 's')
	iterationsText, rest, ok3 := cutAttribute(rest, 'i')
	if !ok1 || !ok2 || !ok3 || !validExtensions(rest) {
		return nil, errors.New("scram: malformed first message of the server")
	}
	if !validNonce(nonce) || !strings.HasPrefix(nonce, c.nonce) || len(nonce) == len(c.nonce) {
		return nil, errors.New("scram: server's nonce is not ours and more")
	}
	salt, ok1 := parseBase64(saltText)
	iterations, ok2 := parseIterations(iterationsText)
	if !ok1 || !ok2 {
		return nil, errors.New("scram: malformed salt or number of iterations of the server")
	}
	v := c.keys.Verifier
	if iterations != v.Iterations || !bytes.Equal(salt, v.Salt) {
		return nil, fmt.Errorf("scram: %w", ErrOtherVerifier)
	}

	withoutProof := "c=" + bindingNone + ",r=" + nonce
	c.message = c.firstBare() + "," + first + "," + withoutProof
	proof := mac(v.StoredKey, c.message)
	subtle.XORBytes(proof, proof, c.keys.ClientKey)
	return []byte(withoutProof + ",p=" + base64Encoding.EncodeToString(proof)), nil
}

// Verify checks the server-final-message: only who has the verifier can sign.
func (c *Client) Verify(outcome []byte) error {
	if reason, _, ok := cutAttribute(string(outcome), 'e'); ok {
		return fmt.Errorf("scram: server refuses: %s", quote(reason))
	}
	text, rest, ok := cutAttribute(string(outcome), 'v')
	if !ok || !validExtensions(rest) {
		return errors.New("scram: malformed final message of the server")
	}
	signature, ok := parseBase64(text)
	if !ok || c.message == "" || !hmac.Equal(signature, mac(c.keys.Verifier.ServerKey, c.message)) {
		return errors.New("scram: server does not have the verifier")
	}
	return nil
}
