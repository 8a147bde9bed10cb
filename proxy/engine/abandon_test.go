//go:build linux

package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// What a client leaves in the middle of a batch or a COPY is ended for it: the
// server connection comes back only when the server has come to the end of that.
//
// Promises: C64, D85, I2.
func TestC64D85Abandoned(t *testing.T) { eachEngine(t, testC64D85Abandoned) }

func testC64D85Abandoned(t *testing.T, run starter) {
	t.Parallel()
	copyFail := &pgproto3.CopyFail{}
	for name, test := range map[string]struct {
		leave  func(*pgtest.Client)
		script func(*pgtest.ServerConn, <-chan struct{}) // gets what is closed by the cancel request
		want   string                                    // what the server gets in the end
	}{
		"Parse without a Sync": {
			func(c *pgtest.Client) { c.Parse("s", "select 1"); c.Flush(); c.Read() },
			func(c *pgtest.ServerConn, _ <-chan struct{}) {
				c.Receive()
				c.Send(&pgproto3.ParseComplete{})
				c.ReceiveUntil(&pgproto3.Sync{})
				c.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			},
			"Sync",
		},
		"an error without a Sync": {
			func(c *pgtest.Client) { c.Parse("s", "selec 1"); c.Read() },
			func(c *pgtest.ServerConn, _ <-chan struct{}) {
				c.Receive()
				c.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601"})
				c.ReceiveUntil(&pgproto3.Sync{})
				c.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			},
			"Sync",
		},
		"COPY in": {
			func(c *pgtest.Client) { c.Query("copy t from stdin"); c.Read(); c.CopyData("1\n"); c.Write() },
			func(c *pgtest.ServerConn, _ <-chan struct{}) {
				c.Receive()
				c.Send(&pgproto3.CopyInResponse{})
				c.ReceiveUntil(copyFail)
				c.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014"}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
			},
			"CopyFail",
		},
		"COPY in, extended": {
			func(c *pgtest.Client) {
				c.Parse("", "copy t from stdin")
				c.Bind("", "")
				c.Execute("", 0)
				c.Flush()
				c.ReadUntil('G')
			},
			func(c *pgtest.ServerConn, _ <-chan struct{}) {
				c.ReceiveUntil(&pgproto3.Execute{})
				c.Send(&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.CopyInResponse{})
				c.ReceiveUntil(copyFail)
				c.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014"})
				c.ReceiveUntil(&pgproto3.Sync{})
				c.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			},
			"Sync",
		},
		"COPY out": {
			func(c *pgtest.Client) { c.Query("copy t to stdout"); c.Read(); c.Read() },
			func(c *pgtest.ServerConn, canceled <-chan struct{}) {
				c.Receive()
				c.Send(&pgproto3.CopyOutResponse{})
				row := &pgproto3.CopyData{Data: make([]byte, 1000)}
				for going := true; going && c.Err() == nil; {
					c.Send(row)
					select {
					case <-canceled:
						going = false
					default:
					}
				}
				c.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014"}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
			},
			`Query "copy t to stdout"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(shelf)
			canceled := make(chan struct{})
			pooled := s.pooled(1)
			use := pooled.host
			pooled.host = func(h *host) {
				use(h)
				h.cancel = func(Peer) error { close(canceled); return nil }
			}
			w := run(t, pooled, func(c *pgtest.ServerConn) {
				test.script(c, canceled)
				c.Drain()
			})
			test.leave(w.client)
			w.client.Close()
			if err := w.wait(); !errors.Is(err, ErrClientLost) {
				t.Error(err)
			}
			if back := s.returned(); len(back) != 1 || back[0].Broken || back[0].Status != 'I' {
				t.Errorf("given back as %+v", back)
			}
			got := strings.Split(strings.TrimSpace(w.received()), "\n")
			if last := got[len(got)-1]; !strings.HasPrefix(last, test.want) {
				t.Errorf("the server got %q, want %s at the end", got, test.want)
			}
		})
	}
}

// A server that does not come to an end of what a client has left is waited for
// only so long.
//
// Promises: I2.
func TestI2AbandonedForEver(t *testing.T) { eachEngine(t, testI2AbandonedForEver) }

func testI2AbandonedForEver(t *testing.T, run starter) {
	t.Parallel()
	s := new(shelf)
	got := make(chan struct{})
	w := run(t, s.pooled(1), func(c *pgtest.ServerConn) {
		c.Receive()
		close(got)
		c.Stall()
	})
	w.client.Query("select 1")
	w.client.Write()
	<-got
	w.client.Close()
	if err := w.wait(); !errors.Is(err, ErrClientLost) {
		t.Error(err)
	}
	if back := s.returned(); len(back) != 1 || !back[0].Broken {
		t.Errorf("given back as %+v", back)
	}
}
