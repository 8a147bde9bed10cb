//go:build linux

package engine

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// What the client sends goes on as it comes, and so do the answers: nobody waits
// for a Sync, and nobody else gets the server connection before it.
//
// Promises: C54, C55, C80.
func TestC54C80BeforeSync(t *testing.T) { eachEngine(t, testC54C80BeforeSync) }

func testC54C80BeforeSync(t *testing.T, run starter) {
	t.Parallel()
	for name, tls := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(shelf)
			pooled := s.pooled(1)
			pooled.tls = tls
			arrived := make(chan string)
			proceed := make(chan struct{})
			w := run(t, pooled, func(c *pgtest.ServerConn) {
				for {
					switch m := c.Receive().(type) {
					case *pgproto3.Parse:
						arrived <- "Parse"
						<-proceed
						c.Send(&pgproto3.ParseComplete{})
					case *pgproto3.Flush:
						arrived <- "Flush"
					case *pgproto3.Bind:
						arrived <- "Bind"
						c.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "08P01", Message: m.PreparedStatement})
					case *pgproto3.Sync:
						c.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
					case nil:
						return
					}
				}
			})
			w.client.Parse("", "select 1")
			w.client.Write()
			if got := <-arrived; got != "Parse" {
				t.Fatalf("the server got %s", got)
			}
			w.client.Flush()
			w.client.Write()
			proceed <- struct{}{}
			if got := <-arrived; got != "Flush" {
				t.Fatalf("the server got %s", got)
			}
			w.expect("1")
			w.client.Bind("", "")
			w.client.Write()
			<-arrived
			w.expect("E") // although nobody has asked for it
			if !w.Attached() || len(s.returned()) > 0 {
				t.Error("given back in the middle of a batch")
			}
			w.client.Sync()
			w.expect("Z")
			until(t, "given back", func() bool { return len(s.returned()) == 1 && !w.Attached() })
		})
	}
}
