package wire

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// Secrets of any length up to 256 bytes, none shortened.
// Promises: A12.
func TestA12Cancel(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 3, 4, 5, 32, 255, 256, 257, 9000} {
		sent := CancelRequest{PID: 0xfffffffe, Secret: bytes.Repeat([]byte{7}, size)}
		b := AppendCancel(nil, sent)
		code, packet, err := ReadStartupPacket(bytes.NewReader(b))
		if err != nil || code != CodeCancel {
			t.Fatalf("%d bytes: code %d, %v", size, code, err)
		}
		got, err := ParseCancel(packet)
		if size < 4 || size > 256 {
			wantError(t, err, ProtocolViolation)
			continue
		}
		if err != nil || got.PID != sent.PID || !bytes.Equal(got.Secret, sent.Secret) {
			t.Errorf("%d bytes: %+v, %v", size, got, err)
		}
	}
}

func TestParseCancelRefuses(t *testing.T) {
	t.Parallel()
	for _, packet := range [][]byte{
		nil,
		{1},
		binary.BigEndian.AppendUint32(nil, CodeCancel),
		startupBody(Version30, "user", "app"),
	} {
		_, err := ParseCancel(packet)
		wantError(t, err, ProtocolViolation)
	}
}

func FuzzParseCancel(f *testing.F) {
	f.Add(AppendCancel(nil, CancelRequest{PID: 1, Secret: []byte("1234")})[4:])
	f.Add(AppendCancel(nil, CancelRequest{PID: 1, Secret: make([]byte, 256)})[4:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packet []byte) {
		c, err := ParseCancel(packet)
		if err == nil && !bytes.Equal(AppendCancel(nil, *c)[4:], packet) {
			t.Errorf("%+v is not %q", c, packet)
		}
	})
}
