package relay

import (
	"encoding/binary"
	"errors"
	"strings"

	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// beginning is a BEGIN that the client was told has succeeded and that no server
// has seen: it goes in front of the transaction's first statement. 0 is none.
type beginning uint8

const (
	begun          beginning = 1 << iota // by BEGIN
	started                              // by START TRANSACTION
	readOnly                             // at most one of these two,
	readWrite                            //
	deferrable                           // and of these
	notDeferrable                        //
	isolationShift = iota                // the rest counts in isolations
	isolationMask  = 3 << isolationShift
)

// isolations are the levels that may be asked for; 0 is to ask for none. The
// fourth, READ UNCOMMITTED, is left to the server.
var isolations = [...]string{"", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}

// longestBeginning is more than the longest text that parseBeginning looks at, in
// bytes.
const longestBeginning = 128

// parseBeginning returns what a Query of one plain statement begins; 0 if it is
// anything else, or says a thing twice.
func parseBeginning(text string) (b beginning) {
	words := statementWords(text)
	switch {
	case len(words) >= 2 && words[0] == "START" && words[1] == "TRANSACTION":
		b, words = started, words[2:]
	case len(words) >= 1 && words[0] == "BEGIN":
		b, words = begun, words[1:]
		if len(words) > 0 && (words[0] == "WORK" || words[0] == "TRANSACTION") {
			words = words[1:]
		}
	default:
		return 0
	}
	for rest := strings.Join(words, " "); rest != ""; {
		option, after, ok := beginningOption(rest)
		if !ok || b&option.excludes != 0 {
			return 0
		}
		b |= option.bits
		rest = strings.TrimLeft(after, " ")
		if next, comma := strings.CutPrefix(rest, ","); comma {
			if rest = strings.TrimLeft(next, " "); rest == "" {
				return 0
			}
		}
	}
	return b
}

// option is what BEGIN may say behind its name.
type option struct{ bits, excludes beginning }

// beginningOption cuts the option off that text begins with.
func beginningOption(text string) (found option, after string, ok bool) {
	const access, deferring = readOnly | readWrite, deferrable | notDeferrable
	for _, known := range [...]struct {
		text string
		option
	}{
		{"READ ONLY", option{readOnly, access}},
		{"READ WRITE", option{readWrite, access}},
		{"DEFERRABLE", option{deferrable, deferring}},
		{"NOT DEFERRABLE", option{notDeferrable, deferring}},
		{"ISOLATION LEVEL " + isolations[1], option{1 << isolationShift, isolationMask}},
		{"ISOLATION LEVEL " + isolations[2], option{2 << isolationShift, isolationMask}},
		{"ISOLATION LEVEL " + isolations[3], option{3 << isolationShift, isolationMask}},
	} {
		after, ok := strings.CutPrefix(text, known.text)
		if ok && (after == "" || after[0] == ' ' || after[0] == ',') {
			return known.option, after, true
		}
	}
	return option{}, "", false
}

// parseEnding returns the command tag of a Query that only ends a transaction, ""
// if it is anything else.
func parseEnding(text string) string {
	words := statementWords(text)
	if len(words) == 2 && (words[1] == "WORK" || words[1] == "TRANSACTION") {
		words = words[:1]
	}
	if len(words) != 1 {
		return ""
	}
	switch words[0] {
	case "COMMIT", "END":
		return "COMMIT"
	case "ROLLBACK", "ABORT":
		return "ROLLBACK"
	}
	return ""
}

// statementWords are the words of a single statement, in upper case. Whatever has
// comments, quotes or a second statement has words that nobody knows.
func statementWords(text string) []string {
	if len(text) >= longestBeginning {
		return nil
	}
	text = strings.Trim(text, " \t\n\r\f\v")
	return strings.FieldsFunc(strings.ToUpper(strings.TrimSuffix(text, ";")), func(r rune) bool {
		return strings.ContainsRune(" \t\n\r\f\v", r)
	})
}

// tag is what PostgreSQL answers.
func (b beginning) tag() string {
	if b&started != 0 {
		return "START TRANSACTION"
	}
	return "BEGIN"
}

// appendQuery appends the Query.
func (b beginning) appendQuery(to []byte) []byte {
	at := len(to)
	to = append(append(to, wire.MsgQuery, 0, 0, 0, 0), b.tag()...)
	if level := isolations[b&isolationMask>>isolationShift]; level != "" {
		to = append(append(to, " ISOLATION LEVEL "...), level...)
	}
	for _, said := range [...]struct {
		bit  beginning
		text string
	}{{readOnly, " READ ONLY"}, {readWrite, " READ WRITE"}, {deferrable, " DEFERRABLE"}, {notDeferrable, " NOT DEFERRABLE"}} {
		if b&said.bit != 0 {
			to = append(to, said.text...)
		}
	}
	to = append(to, 0)
	binary.BigEndian.PutUint32(to[at+1:], uint32(len(to)-at-1))
	return to
}

// answerQuery answers a Query that needs no server if Config.AnswerEmpty is set:
// the empty one, a BEGIN, and what ends a transaction that no server has begun. It
// is nil for any other.
func (s *Session) answerQuery(body []byte) []byte {
	p := s.pooling
	text := untilZero(body)
	if len(text) == len(body) {
		return nil // its end is not here
	}
	if statement.Scan(body).Statements == 0 {
		s.unnamed.drop()
		return appendReady([]byte{wire.MsgEmptyQueryResponse, 0, 0, 0, 4}, s.outside())
	}
	if len(text) >= longestBeginning {
		return nil
	}
	var tag string
	if p.beginning == 0 {
		if p.beginning = parseBeginning(string(text)); p.beginning == 0 {
			return nil
		}
		tag = p.beginning.tag()
	} else {
		if tag = parseEnding(string(text)); tag == "" {
			return nil
		}
		p.beginning = 0
	}
	s.unnamed.drop()
	return appendReady(appendComplete(nil, tag), s.outside())
}

// outside is the status to tell a client that has no server connection.
func (s *Session) outside() byte {
	if s.pooling != nil && s.pooling.beginning != 0 {
		return 'T'
	}
	return 'I'
}

// sendBeginning sends the BEGIN that has waited for a statement. The client has its answer.
func (s *Session) sendBeginning() Step {
	p := s.pooling
	p.backend.send = p.beginning.appendQuery(p.backend.send[:0])
	p.beginning = 0
	p.backend.opening = true
	p.batch++
	s.dropUnnamed()
	s.pending.sentQuery()
	return Step{Send: p.backend.send}
}

// appendComplete appends CommandComplete.
func appendComplete(b []byte, tag string) []byte {
	b = append(b, wire.MsgCommandComplete, 0, 0, 0, byte(4+len(tag)+1))
	return append(append(b, tag...), 0)
}

// opening reports whether what the server says answers a BEGIN whose answer the
// client has.
func (s *Session) opening() bool {
	return s.pooling != nil && s.attached && s.pooling.backend.opening
}

var errNoBeginning = errors.New("the server refuses a plain BEGIN")
