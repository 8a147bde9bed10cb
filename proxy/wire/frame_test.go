package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

// header is a message's head with this type and length word.
func header(typ byte, length uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{typ}, length)
}

// wantError fails the test unless err is an *Error with this SQLSTATE.
func wantError(t *testing.T, err error, code string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, not an *Error with %s", err, code)
	}
	if e.Code != code {
		t.Fatalf("SQLSTATE %s (%v), want %s", e.Code, e, code)
	}
	return e
}

// A length below 4, an unknown type, a length that overflows.
// Promises: C79.
func TestC79ParseHeader(t *testing.T) {
	t.Parallel()
	const invalid = -1
	for _, test := range []struct {
		name   string
		bytes  []byte
		server int // Header.Length by ParseHeader; 0 = more needed
		client int // the same by ParseClientHeader
	}{
		{"nothing", nil, 0, 0},
		{"four bytes", []byte("Q\x00\x00\x00"), 0, 0},
		{"empty body", header(MsgSync, 4), 5, 5},
		{"more behind it", append(header(MsgQuery, 6), "x\x00Z"...), 7, 7},
		{"length 3", header(MsgQuery, 3), invalid, invalid},
		{"length 0", header(MsgQuery, 0), invalid, invalid},
		{"length -1", header(MsgQuery, 0xffffffff), invalid, invalid},
		{"length 2 GiB", header(MsgQuery, 1<<31), invalid, invalid},
		{"largest query", header(MsgQuery, MaxLargeMessage), MaxLargeMessage + 1, MaxLargeMessage + 1},
		{"larger than any query", header(MsgQuery, MaxLargeMessage+1), MaxLargeMessage + 2, invalid},
		{"largest row", header(MsgDataRow, maxMessage), maxMessage + 1, invalid},
		{"larger than any row", header(MsgDataRow, maxMessage+1), invalid, invalid},
		{"largest Sync", header(MsgSync, MaxSmallMessage), MaxSmallMessage + 1, MaxSmallMessage + 1},
		{"larger than any Sync", header(MsgSync, MaxSmallMessage+1), MaxSmallMessage + 2, invalid},
		{"password after the login", header(MsgPassword, 4), 5, invalid},
		{"unknown type", header('!', 4), 5, invalid},
		{"HTTP", []byte("GET / HTTP/1.1\r\n"), invalid, invalid},
	} {
		for _, parser := range []struct {
			name  string
			parse func([]byte) (Header, bool, error)
			want  int
		}{{"server", ParseHeader, test.server}, {"client", ParseClientHeader, test.client}} {
			h, ok, err := parser.parse(test.bytes)
			if parser.want == invalid {
				wantError(t, err, ProtocolViolation)
				continue
			}
			if err != nil || ok != (parser.want > 0) || h.Length != parser.want {
				t.Errorf("%s, %s: %+v, %t, %v; want length %d", test.name, parser.name, h, ok, err, parser.want)
			}
			if ok && h.Type != test.bytes[0] {
				t.Errorf("%s, %s: type %q", test.name, parser.name, h.Type)
			}
		}
	}
}

func TestClientLimits(t *testing.T) {
	t.Parallel()
	large, small := "QPBFd", "EDCSHXcf"
	for c := range 256 {
		want := uint32(0)
		if strings.IndexByte(large, byte(c)) >= 0 {
			want = MaxLargeMessage
		} else if strings.IndexByte(small, byte(c)) >= 0 {
			want = MaxSmallMessage
		}
		if got := clientLimit(byte(c)); got != want {
			t.Errorf("limit of %q is %d, want %d", byte(c), got, want)
		}
	}
}

func TestParseHeaderAllocatesNothing(t *testing.T) { // not parallel: it counts
	b := header(MsgQuery, 100)
	if n := testing.AllocsPerRun(100, func() {
		ParseHeader(b)
		ParseClientHeader(b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Long tokens pass, endless ones do not.
// Promises: A9.
func TestA9ReadMessage(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("x"), MaxPassword-4)
	for _, test := range []struct {
		name string
		sent []byte
		body []byte
		code string // of the *Error
		err  error
	}{
		{"short", append(header('p', 7), "abc"...), []byte("abc"), "", nil},
		{"empty", header('p', 4), []byte{}, "", nil},
		{"longest", append(header('p', MaxPassword), long...), long, "", nil},
		{"too long", header('p', MaxPassword+1), nil, ProtocolViolation, nil},
		{"length 3", header('p', 3), nil, ProtocolViolation, nil},
		{"length -1", header('p', 0xffffffff), nil, ProtocolViolation, nil},
		{"hang-up", nil, nil, "", ErrHangUp},
		{"cut off in the head", []byte("p\x00"), nil, "", io.ErrUnexpectedEOF},
		{"cut off before the body", header('p', 7), nil, "", io.ErrUnexpectedEOF},
		{"cut off in the body", append(header('p', 7), 'a'), nil, "", io.ErrUnexpectedEOF},
	} {
		r := bytes.NewReader(test.sent)
		typ, body, err := ReadMessage(r, MaxPassword)
		switch {
		case test.code != "":
			wantError(t, err, test.code)
		case !errors.Is(err, test.err):
			t.Errorf("%s: error %v, want %v", test.name, err, test.err)
		case err == nil && (typ != 'p' || !bytes.Equal(body, test.body)):
			t.Errorf("%s: %q with %d bytes", test.name, typ, len(body))
		}
	}
}
