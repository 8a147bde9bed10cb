package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"
)

// startupBody is a startup packet behind its length word; of the strings, those
// at even places are names.
func startupBody(version uint32, strings ...string) []byte {
	b := binary.BigEndian.AppendUint32(nil, version)
	for _, s := range strings {
		b = append(append(b, s...), 0)
	}
	return append(b, 0)
}

// withLength puts the length word before a packet.
func withLength(packet []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(packet)+4)), packet...)
}

// Promises: A10, A14, A17, A29, B41, CVE-2012-4575.
func TestParseStartup(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		packet []byte
		want   Startup
	}{
		{"user and database", startupBody(Version30, "user", "app.acme", "database", "shop"),
			Startup{Version: Version30, User: "app.acme", Database: "shop"}},
		{"A29 no database", startupBody(Version30, "user", "app"),
			Startup{Version: Version30, User: "app", Database: "app"}},
		{"empty database", startupBody(Version30, "user", "app", "database", ""),
			Startup{Version: Version30, User: "app", Database: "app"}},
		{"A14 all kinds of parameters", startupBody(Version30, "user", "app", "options", "-c a=b", "replication", "database", "extra_float_digits", "2", "Odd Name", "x=y"),
			Startup{Version: Version30, User: "app", Database: "app", Parameters: map[string]string{
				"options": "-c a=b", "replication": "database", "extra_float_digits": "2", "Odd Name": "x=y"}}},
		{"A17 empty value", startupBody(Version30, "user", "app", "application_name", ""),
			Startup{Version: Version30, User: "app", Database: "app", Parameters: map[string]string{"application_name": ""}}},
		{"the last counts", startupBody(Version30, "user", "a", "x", "1", "database", "d", "user", "b", "x", "2", "database", "e"),
			Startup{Version: Version30, User: "b", Database: "e", Parameters: map[string]string{"x": "2"}}},
		{"A10 grease", startupBody(3<<16|9999, "user", "app", "_pq_.test_protocol_negotiation", "", "_pq_.other", "1", "_pq_.test_protocol_negotiation", ""),
			Startup{Version: 3<<16 | 9999, User: "app", Database: "app", Extensions: []string{"_pq_.test_protocol_negotiation", "_pq_.other"}}},
		{"not UTF-8", startupBody(Version30, "user", "\xff\xfe"),
			Startup{Version: Version30, User: "\xff\xfe", Database: "\xff\xfe"}},
		{"A41 long names", startupBody(Version30, "user", strings.Repeat("u", 4000), "database", strings.Repeat("d", 4000)),
			Startup{Version: Version30, User: strings.Repeat("u", 4000), Database: strings.Repeat("d", 4000)}},
	} {
		got, err := ParseStartup(test.packet)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got.Parameters == nil {
			t.Errorf("%s: Parameters is nil", test.name)
		}
		if got.Version != test.want.Version || got.User != test.want.User || got.Database != test.want.Database ||
			!maps.Equal(got.Parameters, test.want.Parameters) || !slices.Equal(got.Extensions, test.want.Extensions) {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// Promises: A13, A29.
func TestParseStartupRefuses(t *testing.T) {
	t.Parallel()
	const layout = "invalid startup packet layout: expected terminator as last byte"
	good := startupBody(Version30, "user", "app")
	for _, test := range []struct {
		name    string
		packet  []byte
		code    string
		message string
	}{
		{"nothing", nil, ProtocolViolation, "invalid length of startup packet"},
		{"A13 protocol 2.0", startupBody(2<<16, "user", "app"), FeatureNotSupported, "unsupported frontend protocol 2.0: server supports 3.0 to 3.2"},
		{"protocol 4.0", startupBody(4<<16, "user", "app"), FeatureNotSupported, "unsupported frontend protocol 4.0: server supports 3.0 to 3.2"},
		{"version alone", good[:4], ProtocolViolation, layout},
		{"no terminator", good[:len(good)-1], ProtocolViolation, layout},
		{"name alone", append(slices.Clone(good[:len(good)-1]), "x\x00"...), ProtocolViolation, layout},
		{"name without an end", append(slices.Clone(good[:len(good)-1]), 'x'), ProtocolViolation, layout},
		{"value without an end", append(slices.Clone(good[:len(good)-1]), "x\x00y"...), ProtocolViolation, layout},
		{"bytes behind the terminator", append(slices.Clone(good), 0), ProtocolViolation, layout},
		{"a second packet behind it", append(slices.Clone(good), good...), ProtocolViolation, layout},
		{"A29 no user", startupBody(Version30, "database", "app"), InvalidAuthorization, "no PostgreSQL user name specified in startup packet"},
		{"A29 empty user", startupBody(Version30, "user", ""), InvalidAuthorization, "no PostgreSQL user name specified in startup packet"},
		{"no parameters", startupBody(Version30), InvalidAuthorization, "no PostgreSQL user name specified in startup packet"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := ParseStartup(test.packet)
			if s != nil {
				t.Errorf("there is a Startup")
			}
			if e := wantError(t, err, test.code); e.Message != test.message {
				t.Errorf("message %q, want %q", e.Message, test.message)
			}
		})
	}
}

// Promises: A6, A7, A8, CVE-2015-4054, H2.
func TestReadStartupPacket(t *testing.T) {
	t.Parallel()
	good := startupBody(Version32, "user", "app")
	longest := startupBody(Version30, "user", "app", "x", strings.Repeat("x", MaxStartup-4-9-2-1-1))
	if len(longest) != MaxStartup {
		t.Fatalf("the longest packet has %d bytes", len(longest))
	}
	for _, test := range []struct {
		name   string
		sent   []byte
		packet []byte
		code   string // of the *Error
		err    error
	}{
		{"ordinary", withLength(good), good, "", nil},
		{"A8 longest", withLength(longest), longest, "", nil},
		{"A7 too long", withLength(append(longest, 0)), nil, ProtocolViolation, nil},
		{"A7 length 4 GiB", []byte{0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0}, nil, ProtocolViolation, nil},
		{"A7 length 2 GiB", []byte{0x80, 0, 0, 0, 0, 3, 0, 0}, nil, ProtocolViolation, nil},
		{"A7 length 0", make([]byte, 8), nil, ProtocolViolation, nil},
		{"A7 length 7", []byte{0, 0, 0, 7, 0, 3, 0}, nil, ProtocolViolation, nil},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), nil, ProtocolViolation, nil},
		{"H: password before startup", append(header('p', 8), "pass"...), nil, ProtocolViolation, nil},
		{"A26 hang-up", nil, nil, "", ErrHangUp},
		{"cut off in the length", []byte{0, 0}, nil, "", io.ErrUnexpectedEOF},
		{"cut off behind the length", []byte{0, 0, 0, 8}, nil, "", io.ErrUnexpectedEOF},
		{"cut off", withLength(good)[:10], nil, "", io.ErrUnexpectedEOF},
	} {
		for _, reader := range []struct {
			name string
			of   func(io.Reader) io.Reader
		}{
			{"at once", func(r io.Reader) io.Reader { return r }},
			{"A6 byte by byte", iotest.OneByteReader},
		} {
			t.Run(test.name+", "+reader.name, func(t *testing.T) {
				t.Parallel()
				sent := bytes.NewReader(append(slices.Clone(test.sent), "behind"...))
				if test.err != nil {
					sent = bytes.NewReader(test.sent)
				}
				code, packet, err := ReadStartupPacket(reader.of(sent))
				if test.code != "" {
					wantError(t, err, test.code)
					return
				}
				if !errors.Is(err, test.err) {
					t.Fatalf("error %v, want %v", err, test.err)
				}
				if !bytes.Equal(packet, test.packet) {
					t.Fatalf("packet %q", packet)
				}
				if err == nil && (code != binary.BigEndian.Uint32(packet) || sent.Len() != len("behind")) {
					t.Fatalf("code %d, %d bytes left", code, sent.Len())
				}
			})
		}
	}
}

// What is spoken with whom, and how the client is told.
// Promises: A10, A11.
func TestA10Negotiate(t *testing.T) {
	t.Parallel()
	grease := []string{"_pq_.test_protocol_negotiation"}
	for _, test := range []struct {
		asked        uint32
		unrecognised []string
		spoken       uint32
		told         bool
	}{
		{Version30, nil, Version30, false},
		{Version32, nil, Version32, false},
		{3<<16 | 1, nil, 3<<16 | 1, false},
		{3<<16 | 3, nil, Version32, true},
		{3<<16 | 9999, grease, Version32, true},
		{Version30, grease, Version30, true},
		{Version32, grease, Version32, true},
	} {
		t.Run(fmt.Sprintf("%s %v", versionString(test.asked), test.unrecognised), func(t *testing.T) {
			t.Parallel()
			spoken, older := NegotiatedVersion(test.asked)
			if spoken != test.spoken || older != (test.asked > Version32) {
				t.Errorf("spoken %s, older %t", versionString(spoken), older)
			}
			b := AppendNegotiate([]byte("before"), test.asked, test.unrecognised)
			b, ok := bytes.CutPrefix(b, []byte("before"))
			if !ok || (len(b) > 0) != test.told {
				t.Fatalf("message %q", b)
			}
			if !test.told {
				return
			}
			h, _, err := ParseHeader(b)
			if err != nil || h.Type != MsgNegotiateProtocolVersion || h.Length != len(b) {
				t.Fatalf("header %+v, %v", h, err)
			}
			var m pgproto3.NegotiateProtocolVersion
			if err := m.Decode(b[HeaderSize:]); err != nil {
				t.Fatal(err)
			}
			if m.NewestMinorProtocol != test.spoken || !slices.Equal(m.UnrecognizedOptions, test.unrecognised) {
				t.Errorf("message %+v", m)
			}
		})
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(header(MsgQuery, 10))
	f.Add(header(MsgPassword, 4))
	f.Add(header('!', 0xffffffff))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) (Header, bool, error){ParseHeader, ParseClientHeader} {
			h, ok, err := parse(b)
			if ok && (err != nil || h.Length < HeaderSize || h.Length > maxMessage+1 || h.Type != b[0]) {
				t.Errorf("%+v, %v", h, err)
			}
			if !ok && err == nil && len(b) >= HeaderSize {
				t.Error("a whole head is not enough")
			}
		}
	})
}

func FuzzParseStartup(f *testing.F) {
	f.Add(startupBody(Version30, "user", "app", "database", "x", "options", "-c a=b"))
	f.Add(startupBody(Version32, "user", "app", "_pq_.a", "", "_pq_.a", ""))
	f.Add(startupBody(2<<16, "user", "app"))
	f.Add([]byte{0, 3, 0})
	f.Fuzz(func(t *testing.T, packet []byte) {
		s, err := ParseStartup(packet)
		if err != nil {
			AsError(err).AppendFatal(nil)
			return
		}
		if s.User == "" || s.Database == "" || s.Parameters == nil {
			t.Fatalf("%+v", s)
		}
		again := []string{"user", s.User, "database", s.Database}
		for name, value := range s.Parameters {
			again = append(again, name, value)
		}
		for _, name := range s.Extensions {
			again = append(again, name, "")
		}
		second, err := ParseStartup(startupBody(s.Version, again...))
		if err != nil || second.User != s.User || second.Database != s.Database ||
			!maps.Equal(second.Parameters, s.Parameters) || !slices.Equal(second.Extensions, s.Extensions) {
			t.Fatalf("%+v became %+v, %v", s, second, err)
		}
	})
}
