package auth

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/wire"
)

// authenticate runs Authenticate against a client on a pipe; the client's error
// counts only if the server has none.
func authenticate(t *testing.T, r Request, client func(c net.Conn) error) (*Proof, error) {
	t.Helper()
	here, there := net.Pipe()
	failed := make(chan error, 1)
	go func() {
		defer there.Close()
		failed <- client(there)
	}()
	proof, err := Authenticate(here, r)
	if err == nil {
		_, err = here.Write(proof.Final)
	}
	here.Close()
	if clientErr := <-failed; clientErr != nil && err == nil {
		t.Errorf("client: %v", clientErr)
	}
	return proof, err
}

func message(body string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{wire.MsgPassword}, uint32(4+len(body)))
	return append(b, body...)
}

func initialResponse(mechanism, data string) []byte {
	b := append([]byte(mechanism), 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return message(string(b) + data)
}

// read reads one authentication message: its kind and what stands behind.
func read(c io.Reader) (kind uint32, data []byte, err error) {
	typ, body, err := wire.ReadMessage(c, wire.MaxPassword)
	if err != nil || typ != wire.MsgAuthentication {
		return 0, nil, errors.Join(err, errors.New("no authentication message"))
	}
	return binary.BigEndian.Uint32(body), body[4:], nil
}

// login is a client that knows the password, or a wrong one, and notes the kind
// and the size of every message that it gets.
func login(c net.Conn, password string, delayed bool, shape *[]int) error {
	note := func(want uint32) ([]byte, error) {
		kind, data, err := read(c)
		if err == nil && kind != want {
			err = errors.New("unexpected authentication message")
		}
		*shape = append(*shape, int(kind), len(data))
		return data, err
	}
	mechanisms, err := note(pgproto3.AuthTypeSASL)
	if err != nil {
		return err
	}
	if string(mechanisms) != ScramSHA256+"\x00\x00" {
		return errors.New("other mechanisms")
	}
	if delayed {
		c.Write(message(ScramSHA256 + "\x00\xff\xff\xff\xff"))
		if empty, err := note(pgproto3.AuthTypeSASLContinue); err != nil || len(empty) != 0 {
			return errors.Join(err, errors.New("no empty challenge"))
		}
		c.Write(message("n,,n=,r=abc"))
	} else {
		c.Write(initialResponse(ScramSHA256, "n,,n=,r=abc"))
	}
	challenge, err := note(pgproto3.AuthTypeSASLContinue)
	if err != nil {
		return err
	}
	nonce, salt, _ := strings.Cut(string(challenge), ",s=")
	saltText, _, _ := strings.Cut(salt, ",i=")
	v := Verifier{Iterations: Iterations}
	v.Salt, _ = parseBase64(saltText)
	withoutProof := "c=biws," + nonce
	proof := proofOf(password, v, "n=,r=abc,"+string(challenge)+","+withoutProof)
	c.Write(message(withoutProof + ",p=" + proof))
	_, err = note(pgproto3.AuthTypeSASLFinal)
	return err
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	v := NewVerifier("secret")
	for _, delayed := range []bool{false, true} {
		var shape []int
		proof, err := authenticate(t, Request{User: "app", Verifier: v}, func(c net.Conn) error {
			return login(c, "secret", delayed, &shape)
		})
		if err != nil || !bytes.Equal(proof.ClientKey, clientKeyOf("secret", v)) {
			t.Errorf("delayed %t: %v", delayed, err)
		}
	}
}

// Who is unknown sees the same messages, of the same sizes, as
// who has mistyped, and the same error.
// Promises: B30, CVE-2015-6817.
func TestB30MockLooksLikeWrongPassword(t *testing.T) {
	t.Parallel()
	const user = `od"d.acme`
	var shapes [][]int
	for _, v := range []Verifier{NewVerifier("secret"), Mock([]byte("fleet secret"), user)} {
		var shape []int
		proof, err := authenticate(t, Request{User: user, Verifier: v}, func(c net.Conn) error {
			return login(c, "wrong", false, &shape)
		})
		if proof != nil {
			t.Error("there is a proof")
		}
		wantError(t, err, "28P01", `password authentication failed for user "od"d.acme"`)
		var e *wire.Error
		if errors.As(err, &e) && (e.Detail != "" || e.Hint != "" || e.Cause != nil) {
			t.Errorf("the error says more: %#v", e)
		}
		shapes = append(shapes, shape)
	}
	if !slices.Equal(shapes[0], shapes[1]) || len(shapes[0]) < 4 {
		t.Errorf("wrong password %v, mock %v", shapes[0], shapes[1])
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	const format, first = "invalid message format", "n,,n=,r=abc"
	for _, test := range []struct {
		name          string
		sent          []byte
		code, message string // of the *wire.Error
		err           error
	}{
		{"hang-up", nil, "", "", wire.ErrHangUp},
		{"cut off", []byte("p\x00\x00"), "", "", io.ErrUnexpectedEOF},
		{"another message", append([]byte{wire.MsgQuery, 0, 0, 0, 5}, 0), "08P01", "expected SASL response, got message type 81", nil},
		{"empty", message(""), "08P01", format, nil},
		{"a bare password", message("secret\x00"), "08P01", format, nil},
		{"mechanism without an end", message(ScramSHA256), "08P01", format, nil},
		{"no length", message(ScramSHA256 + "\x00"), "08P01", format, nil},
		{"short length", message(ScramSHA256 + "\x00\x00\x00"), "08P01", format, nil},
		{"length beyond", message(ScramSHA256 + "\x00\x00\x00\x00\x0c" + first), "08P01", format, nil},
		{"length below", message(ScramSHA256 + "\x00\x00\x00\x00\x0a" + first), "08P01", format, nil},
		{"huge length", message(ScramSHA256 + "\x00\x7f\xff\xff\xff" + first), "08P01", format, nil},
		{"length -2", message(ScramSHA256 + "\x00\xff\xff\xff\xfe" + first), "08P01", format, nil},
		{"length -1 with data", message(ScramSHA256 + "\x00\xff\xff\xff\xff" + first), "08P01", format, nil},
		{"other mechanism", initialResponse("SCRAM-SHA-1", first), "08P01", "client selected an invalid SASL authentication mechanism", nil},
		{"PLUS in the clear", initialResponse(ScramSHA256Plus, first), "08P01", "client selected an invalid SASL authentication mechanism", nil},
		{"empty first message", initialResponse(ScramSHA256, ""), "08P01", "malformed SCRAM message", nil},
		{"A9 too long", []byte{wire.MsgPassword, 0, 1, 0, 0}, "08P01", "invalid message length", nil},
		{"A9 endless", []byte{wire.MsgPassword, 0x7f, 0xff, 0xff, 0xff}, "08P01", "invalid message length", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proof, err := authenticate(t, Request{User: "app", Verifier: NewVerifier("secret")}, func(c net.Conn) error {
				if _, _, err := read(c); err != nil {
					return err
				}
				_, err := c.Write(test.sent)
				return err
			})
			if proof != nil {
				t.Error("there is a proof")
			}
			if test.code != "" {
				wantError(t, err, test.code, test.message)
			} else if !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
		})
	}
}
