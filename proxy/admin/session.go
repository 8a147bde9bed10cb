package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/wire"
)

// Session is one client of the console. Serve runs it, on one goroutine; Cancel may
// be called from any.
type Session struct {
	console *Console
	conn    net.Conn
	login   Login

	backend  *pgproto3.Backend
	encoder  encoder
	prepared prepared
	// skipping: after an error of the extended protocol, up to the Sync.
	skipping bool
	// unsent counts messages since the last flush; failed is why no more can be
	// written.
	unsent int
	failed error

	mu     sync.Mutex
	cancel context.CancelCauseFunc // under mu: ends the command that runs, if any
}

// maxMessage bounds what a client sends at once, in bytes.
const maxMessage = 64 << 10

// Serve answers the client until it leaves (nil), until ctx ends, or until
// something breaks. The cause of ctx's end is told to the client if it is a
// *wire.Error. A client that goes away cancels its command. Afterwards conn has
// deadlines in the past and is for closing only.
func (s *Session) Serve(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	reader, writer := io.Pipe()
	var helpers sync.WaitGroup
	helpers.Go(func() { s.feed(writer, stop) })
	helpers.Go(func() { s.interrupt(ctx) })
	defer helpers.Wait()
	defer reader.Close()
	defer stop(nil)

	s.backend = pgproto3.NewBackend(reader, s.conn)
	s.backend.SetMaxBodyLen(maxMessage)
	err := s.converse(ctx)
	var told *wire.Error
	switch {
	case err == nil:
		return nil
	case errors.As(context.Cause(ctx), &told), errors.As(err, &told):
		s.conn.SetWriteDeadline(time.Now().Add(lastWordsTimeout))
		s.flush() // what was answered goes first
		s.conn.Write(told.AppendFatal(nil))
		return told
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil // psql says goodbye, others just go
	}
	return err
}

// lastWordsTimeout bounds what is still written when the session must end.
const lastWordsTimeout = time.Second

// interrupt makes reads end with ctx, and writes soon after.
func (s *Session) interrupt(ctx context.Context) {
	<-ctx.Done()
	s.conn.SetReadDeadline(time.Unix(1, 0))
	s.conn.SetWriteDeadline(time.Now().Add(lastWordsTimeout))
}

// feed passes on what the client sends, so that its going away is noticed while a
// command runs.
func (s *Session) feed(to *io.PipeWriter, gone context.CancelCauseFunc) {
	_, err := io.Copy(to, s.conn)
	if err == nil {
		err = io.EOF
	}
	to.CloseWithError(err)
	gone(err)
}

// Cancel ends the command that runs with 57014, and reports whether there was one.
func (s *Session) Cancel() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel == nil {
		return false
	}
	s.cancel(errCanceled)
	return true
}

// converse answers one message after the other.
func (s *Session) converse(ctx context.Context) error {
	for s.failed == nil {
		message, err := s.backend.Receive()
		if err != nil {
			return received(err)
		}
		if _, leaving := message.(*pgproto3.Terminate); leaving {
			return nil
		}
		if err := s.answer(ctx, message); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return s.failed
}

// received returns the error of a message that could not be read: that of the
// connection, or else the client has broken the protocol.
func received(err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	return &wire.Error{Code: wire.ProtocolViolation, Message: "invalid message", Detail: err.Error(), Kind: "console_protocol"}
}

// answer answers one message. Its error ends the session.
func (s *Session) answer(ctx context.Context, message pgproto3.FrontendMessage) error {
	if _, sync := message.(*pgproto3.Sync); sync {
		s.skipping = false
		s.prepared.endPortals()
		s.ready()
		return nil
	}
	if s.skipping {
		return nil
	}
	var err error
	switch m := message.(type) {
	case *pgproto3.Query:
		s.query(ctx, m.String)
		return nil
	case *pgproto3.FunctionCall:
		s.fail(ctx, notSupported("a function call", ""))
		s.ready()
		return nil
	case *pgproto3.Flush:
		s.flush()
		return nil
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
		return nil // left over from a COPY that failed, PostgreSQL thinks, and ignores them
	case *pgproto3.Parse:
		err = s.parse(m)
	case *pgproto3.Bind:
		err = s.bind(m)
	case *pgproto3.Describe:
		err = s.describe(m)
	case *pgproto3.Execute:
		err = s.execute(ctx, m)
	case *pgproto3.Close:
		s.close(m)
	default:
		return &wire.Error{Code: wire.ProtocolViolation, Message: "message out of order", Kind: "console_protocol"}
	}
	if err != nil {
		s.fail(ctx, err)
		s.skipping = true
	}
	return nil
}
