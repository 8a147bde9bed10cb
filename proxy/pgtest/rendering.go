package pgtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Lines renders messages one a line, with what differs between two runs of the
// same script masked: pids, cancel keys, SCRAM nonces and signatures, times in
// errors and notices, the numbers of temporary schemas there, and object ids of the user's own tables and types, which
// are numbered in the order of their appearance. ParameterStatus messages that
// follow each other are sorted, since their order has no meaning.
func Lines(messages []Message) []string {
	events := make([]Event, len(messages))
	for i, m := range messages {
		events[i].Received = m
	}
	return render(events)
}

// render renders a conversation; what the client sent begins with "> ".
func render(events []Event) []string {
	r := rendering{oids: map[uint32]int{}}
	var lines []string
	statuses := 0 // how many of the last lines are ParameterStatus
	for _, e := range events {
		if e.Received.Type == 'S' {
			statuses++
		} else {
			slices.Sort(lines[len(lines)-statuses:])
			statuses = 0
		}
		if e.Sent != "" {
			lines = append(lines, "> "+e.Sent)
		} else {
			lines = append(lines, r.line(e.Received))
		}
	}
	slices.Sort(lines[len(lines)-statuses:])
	return lines
}

// String renders the message alone, as Lines does.
func (m Message) String() string { return Lines([]Message{m})[0] }

// firstUserOID is where PostgreSQL begins to number what users make.
const firstUserOID = 16384

// maxValue is the longest value that is shown in full, in bytes.
const maxValue = 300

var (
	processNumber = regexp.MustCompile(`(?i)\b(process|pid) \d+`)
	timeOfDay     = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*( [A-Z]{3,4})?`)
	temporary     = regexp.MustCompile(`\bpg_(toast_)?temp_\d+`)
	scramNonce    = regexp.MustCompile(`^r=[^,]*`)
)

// rendering is what one conversation's lines have in common.
type rendering struct {
	oids map[uint32]int
}

func (r *rendering) line(m Message) string {
	if m.Type == 0 {
		return "closed"
	}
	if m.Type == 'E' || m.Type == 'N' { // from the bytes: the order of the fields counts
		return fields(m)
	}
	decoded, err := m.Decode()
	if err != nil {
		return fmt.Sprintf("%q not understood: %s", m.Type, value(m.Body))
	}
	line := r.decoded(decoded)
	if again, err := decoded.Encode(nil); err != nil || !bytes.Equal(again, m.Append(nil)) {
		line += " from unusual bytes " + value(m.Body)
	}
	return line
}

func (r *rendering) decoded(message pgproto3.BackendMessage) string {
	switch m := message.(type) {
	case *pgproto3.AuthenticationSASL:
		return fmt.Sprintf("AuthenticationSASL %q", m.AuthMechanisms)
	case *pgproto3.AuthenticationSASLContinue:
		return fmt.Sprintf("AuthenticationSASLContinue %q", scramNonce.ReplaceAllString(string(m.Data), "r=<nonce>"))
	case *pgproto3.AuthenticationSASLFinal:
		return "AuthenticationSASLFinal <signature>"
	case *pgproto3.BackendKeyData:
		return fmt.Sprintf("BackendKeyData <pid> <key of %d bytes>", len(m.SecretKey))
	case *pgproto3.CommandComplete:
		return fmt.Sprintf("CommandComplete %q", m.CommandTag)
	case *pgproto3.CopyData:
		return "CopyData " + value(m.Data)
	case *pgproto3.CopyInResponse:
		return fmt.Sprintf("CopyInResponse %d %v", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.CopyOutResponse:
		return fmt.Sprintf("CopyOutResponse %d %v", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.CopyBothResponse:
		return fmt.Sprintf("CopyBothResponse %d %v", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.DataRow:
		return strings.TrimSuffix("DataRow "+values(m.Values), " ")
	case *pgproto3.FunctionCallResponse:
		return "FunctionCallResponse " + value(m.Result)
	case *pgproto3.NegotiateProtocolVersion:
		return fmt.Sprintf("NegotiateProtocolVersion newest=%d.%d unrecognized=%q", m.NewestMinorProtocol>>16, m.NewestMinorProtocol&0xffff, m.UnrecognizedOptions)
	case *pgproto3.NotificationResponse:
		return fmt.Sprintf("NotificationResponse <pid> %q %q", m.Channel, m.Payload)
	case *pgproto3.ParameterDescription:
		var types []string
		for _, oid := range m.ParameterOIDs {
			types = append(types, r.typeName(oid))
		}
		return strings.TrimSuffix("ParameterDescription "+strings.Join(types, " "), " ")
	case *pgproto3.ParameterStatus:
		return fmt.Sprintf("ParameterStatus %q %q", m.Name, m.Value)
	case *pgproto3.ReadyForQuery:
		return fmt.Sprintf("ReadyForQuery %c", m.TxStatus)
	case *pgproto3.RowDescription:
		return r.rowDescription(m)
	}
	// The rest has no fields.
	return strings.TrimPrefix(fmt.Sprintf("%T", message), "*pgproto3.")
}

func (r *rendering) rowDescription(m *pgproto3.RowDescription) string {
	columns := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		format := map[int16]string{0: "text", 1: "binary"}[f.Format]
		if format == "" {
			format = fmt.Sprintf("format=%d", f.Format)
		}
		columns[i] = fmt.Sprintf("%q table=%s column=%d type=%s size=%d modifier=%d %s",
			f.Name, r.oid(f.TableOID), f.TableAttributeNumber, r.typeName(f.DataTypeOID), f.DataTypeSize, f.TypeModifier, format)
	}
	return strings.TrimSuffix("RowDescription "+strings.Join(columns, ", "), " ")
}

// oid renders an object id; a user's own are numbered.
func (r *rendering) oid(oid uint32) string {
	if oid < firstUserOID {
		return strconv.Itoa(int(oid))
	}
	if r.oids[oid] == 0 {
		r.oids[oid] = len(r.oids) + 1
	}
	return fmt.Sprintf("user#%d", r.oids[oid])
}

// typeName renders the types that tests use most by name.
func (r *rendering) typeName(oid uint32) string {
	switch oid {
	case 16:
		return "bool"
	case 17:
		return "bytea"
	case 20:
		return "int8"
	case 23:
		return "int4"
	case 25:
		return "text"
	case 1043:
		return "varchar"
	case 2278:
		return "void"
	}
	return r.oid(oid)
}

// fields renders an ErrorResponse or NoticeResponse, every field in its order.
func fields(m Message) string {
	var b strings.Builder
	b.WriteString(map[byte]string{'E': "ErrorResponse", 'N': "NoticeResponse"}[m.Type])
	rest := m.Body
	for len(rest) > 0 && rest[0] != 0 {
		text, after, ok := bytes.Cut(rest[1:], []byte{0})
		if !ok {
			break
		}
		masked := processNumber.ReplaceAllString(string(text), "$1 <pid>")
		masked = temporary.ReplaceAllString(masked, "pg_${1}temp_<n>")
		masked = timeOfDay.ReplaceAllString(masked, "<time>")
		fmt.Fprintf(&b, " %c=%q", rest[0], masked)
		rest = after
	}
	if !bytes.Equal(rest, []byte{0}) {
		fmt.Fprintf(&b, " and a broken end %s", value(rest))
	}
	return b.String()
}

func values(all [][]byte) string {
	rendered := make([]string, len(all))
	for i, v := range all {
		rendered[i] = value(v)
	}
	return strings.Join(rendered, " ")
}

// value renders bytes as text or as hexadecimal digits; of long ones only the
// beginning, the length and a checksum.
func value(v []byte) string {
	if v == nil {
		return "null"
	}
	rest := ""
	if len(v) > maxValue {
		sum := sha256.Sum256(v)
		rest = fmt.Sprintf("… (%d bytes, sha256 %s)", len(v), hex.EncodeToString(sum[:8]))
		v = v[:40]
	}
	if utf8.Valid(v) && !bytes.ContainsRune(v, 0) {
		return strconv.Quote(string(v)) + rest
	}
	return fmt.Sprintf("0x%x", v) + rest
}
