package relay

import (
	"encoding/binary"
	"slices"
	"strings"

	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// parting is what a session in session mode has seen go by that its server cannot be
// asked about, so that it can go on on another server connection.
type parting struct {
	custom []string // names of settings that pg_settings does not show
	pins   Pins     // state that no other server connection can have

	// unnamed is the Parse of the unnamed statement, nil if there is none. It is not
	// known whether there is with large, nor with failed.
	unnamed []byte
	large   bool
	// piped: it came behind messages that had not been answered. failed: there was an
	// error since, so it may have been skipped.
	piped, failed bool
}

// maxUnnamed is how large an unnamed statement's Parse may be to be kept, in bytes.
const maxUnnamed = 4 << 10

// saw notes a statement that the client has sent or prepared.
func (p *parting) saw(summary *statement.Summary) {
	for _, q := range unanswerable {
		if summary.Changes&q.change != 0 {
			p.pins |= q.pin
		}
	}
	for _, name := range summary.Settings {
		switch {
		case !strings.Contains(name, ".") || slices.Contains(p.custom, name):
		case len(p.custom) == maxNames:
			p.pins |= PinSetting
		default:
			p.custom = append(p.custom, strings.Clone(name))
		}
	}
}

// replaced notes that the unnamed statement is another from now on, or none, and
// reports whether that is so.
func (p *parting) replaced(pending *pending) bool {
	if pending.skipping {
		return false // the server skips it
	}
	p.piped = !pending.empty()
	p.failed = p.failed && p.piped
	p.unnamed, p.large = p.unnamed[:0], false
	return true
}

// Borrow says of a fresh Session in session mode that its server connection is given
// back in the end, so that a Terminate is not for the server.
func (s *Session) Borrow() { s.parting = &parting{} }

// Borrows reports whether server connections are given back: in transaction mode,
// or after Borrow.
func (s *Session) Borrows() bool { return s.parting != nil || s.pooling != nil }

// parts notes a statement of session mode.
func (s *Session) parts(summary *statement.Summary) {
	if s.parting != nil {
		s.parting.saw(summary)
	}
}

// parsedNothing notes that the client's message ends its unnamed statement.
func (s *Session) parsedNothing() {
	if s.parting != nil {
		s.parting.replaced(&s.pending)
	}
}

// parsed notes a Parse of the unnamed statement in session mode.
func (s *Session) parsed(header wire.Header, body []byte) {
	p := s.parting
	if p == nil || !p.replaced(&s.pending) {
		return
	}
	if p.large = header.Length > maxUnnamed || len(body) < header.Length-wire.HeaderSize; !p.large {
		p.unnamed = binary.BigEndian.AppendUint32(append(p.unnamed, wire.MsgParse), uint32(header.Length-1))
		p.unnamed = append(p.unnamed, body...)
	}
}

// Parting is what an idle session in session mode leaves behind on its server
// connection, as far as that can be seen from outside.
type Parting struct {
	custom []string
	pins   Pins
	// Unnamed is the Parse of the unnamed statement, which the Question ends; nil if
	// there is none.
	Unnamed []byte
}

// Part returns the session's Parting, valid until the Session is used again.
func (s *Session) Part() Parting {
	p := s.parting
	if p == nil {
		return Parting{pins: PinOther}
	}
	parting := Parting{custom: p.custom, pins: p.pins}
	switch {
	case p.large || p.failed:
		parting.pins |= PinStatement
	case len(p.unnamed) > 0:
		parting.Unnamed = p.unnamed
	}
	return parting
}

// Pins is what is known without asking to keep the session where it is.
func (p Parting) Pins() Pins { return p.pins }

// Question is the query that tells the rest. Its rows are for Keepsake. parameters
// are the settings that the client is told of (ParameterStatus).
func (p Parting) Question(parameters []string) string {
	parts := make([]string, 0, len(questions)+3)
	for _, q := range questions {
		exists := q.exists
		if q.change == statement.Prepared { // in either way
			exists = "EXISTS (SELECT FROM pg_catalog.pg_prepared_statements)"
		}
		parts = append(parts, "SELECT 'pin', '"+q.pin.String()+"', NULL WHERE "+exists)
	}
	parts = append(parts, "SELECT 'set', name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings"+
		" WHERE source OPERATOR(pg_catalog.=) 'session'::pg_catalog.text")
	for kind, names := range map[string][]string{"set": p.custom, "told": parameters} {
		if len(names) > 0 {
			parts = append(parts, "SELECT '"+kind+"', n, pg_catalog.current_setting(n, true) FROM "+Names(names)+" AS n")
		}
	}
	return strings.Join(parts, " UNION ALL ")
}

// Names is a set of text for FROM.
func Names(names []string) string {
	literals := make([]string, 0, len(names))
	for _, name := range slices.Sorted(slices.Values(names)) {
		literals = append(literals, Literal(name))
	}
	return "pg_catalog.unnest(ARRAY[" + strings.Join(literals, ", ") + "]::pg_catalog.text[])"
}

// Keepsake is what makes another server connection the one that a session has had.
type Keepsake struct {
	// Settings are the session's own.
	Settings Settings
	// Parse makes its unnamed statement; nil if it has none.
	Parse []byte
	// Told is what the client was told last of its server's parameters.
	Told map[string]string
}

// Keepsake takes the answer to Question. The pins are why the session must stay where
// it is, 0 if it need not.
func (p Parting) Keepsake(rows [][]*string) (Keepsake, Pins) {
	pins := p.pins
	settings, told := make(map[string]string), make(map[string]string)
	plain := true
	for _, row := range rows {
		switch {
		case len(row) != 3 || row[0] == nil || row[1] == nil:
			pins |= PinUnconfirmed
		case *row[0] == "pin":
			pins |= pinNamed(*row[1])
		case row[2] == nil: // a setting that there is not
		case *row[0] == "told":
			told[*row[1]] = *row[2]
		case strings.HasPrefix(*row[1], "transaction_"):
			pins |= PinSetting // of a transaction, which is over
		default:
			settings[*row[1]] = *row[2]
			plain = plain && isPlain(*row[2])
		}
	}
	if _, encoded := settings["client_encoding"]; encoded && !plain {
		pins |= PinSetting // which would be read in another encoding
	}
	return Keepsake{Settings: NewSettings(settings), Parse: slices.Clone(p.Unnamed), Told: told}, pins
}

func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

func pinNamed(name string) Pins {
	if i := slices.Index(pinNames[:], name); i >= 0 {
		return 1 << i
	}
	return PinUnconfirmed
}
