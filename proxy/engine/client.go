package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// terminate is a whole Terminate message.
var terminate = []byte{wire.MsgTerminate, 0, 0, 0, 4}

// maxGathered is how much is gathered for one write to the server, in bytes.
const maxGathered = 64 << 10

// pumpClient relays what the client sends until it leaves. Run alone calls it.
func (c *Conversation) pumpClient(ctx context.Context) error {
	for {
		step, err := c.look()
		if err == nil {
			err = c.take(step)
		}
		if step.Pause != relay.None || !step.Moved() || err != nil || len(c.out) > maxGathered {
			err = errors.Join(err, c.flush())
		}
		switch {
		case err != nil:
			return err
		case step.Pause == relay.Goodbye:
			return nil
		case step.Pause == relay.NeedServer:
			err = c.attach(ctx)
		case step.Pause == relay.Wait:
			err = c.await(ctx)
		case step.Pause == relay.Vacate:
			c.vacate()
		case step.Moved():
		case c.bye:
			return c.leave(ctx)
		default:
			if err = c.read(); isTimeout(err) {
				err = c.unread(ctx, err)
			}
		}
		if err != nil {
			return err
		}
	}
}

// look asks the relay what to do with what is in the buffer.
func (c *Conversation) look() (relay.Step, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return relay.Step{}, net.ErrClosed
	}
	step, err := c.relay.FromClient(c.in)
	c.noted()
	c.left = c.left || c.relay.Terminated()
	return step, err
}

// take does what step says, but for the pause; what goes to the server may be
// gathered until flush.
func (c *Conversation) take(step relay.Step) error {
	if step.Forward > 0 && len(c.out) == 0 && len(step.Send) == 0 {
		c.out = c.in[:step.Forward] // as a loan, until the buffer moves
		if err := c.flush(); err != nil {
			return err
		}
	} else if step.Forward+len(step.Send) > 0 {
		c.gathered = append(append(append(c.gathered[:0], c.out...), c.in[:step.Forward]...), step.Send...)
		c.out = c.gathered
	}
	if n := step.Forward + step.Drop; n > 0 {
		c.in = c.in[:copy(c.in, c.in[n:])]
	}
	if step.Answer == nil {
		return nil
	}
	c.writing.Lock()
	defer c.doneWriting()
	return c.send(step.Answer, true)
}

// flush writes what was gathered for the server.
func (c *Conversation) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.peer.Write(c.out)
	c.out = nil
	if err != nil {
		return errors.Join(errServerWrite, err)
	}
	return nil
}

// send writes to the client; whole says that b begins with a message. Called
// under writing.
func (c *Conversation) send(b []byte, whole bool) error {
	n, err := c.client.Write(b)
	c.bytesOut.Add(int64(n))
	if c.counter != nil {
		c.counter.BytesOut.Add(int64(n))
	}
	if err == nil {
		return nil
	}
	c.mu.Lock()
	if n == 0 && whole {
		c.missed = true // the last word can still be said
	} else {
		c.torn = true
	}
	c.mu.Unlock()
	if !isTimeout(err) {
		err = errors.Join(ErrClientLost, err)
	}
	return err
}

// read adds to the buffer what the client sends next.
func (c *Conversation) read() error {
	n, err := c.client.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	c.bytesIn.Add(int64(n))
	if c.counter != nil {
		c.counter.BytesIn.Add(int64(n))
	}
	switch {
	case n > 0 || err == nil:
		return nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		c.bye = true
		return nil
	case isTimeout(err):
		return err
	}
	return errors.Join(ErrClientLost, err)
}

// leave is for a client that has closed its side. In session mode the statements
// that it sent before are run and answered, as by PostgreSQL itself.
func (c *Conversation) leave(ctx context.Context) error {
	for c.hearsOut() {
		if err := c.await(ctx); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.relay.HasServer() || c.relay.Borrows() {
		return ErrClientLost
	}
	c.left = true
	if half, ok := c.peer.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return nil
	}
	return ErrClientLost
}

// hearsOut reports whether a client in session mode that has closed its side is
// still to have answers from a server connection that is not closed with it.
func (c *Conversation) hearsOut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.relay.Borrows() && !c.relay.Pooled() && c.relay.HasServer() && c.relay.Owed() && !c.relay.Torn() && !c.deaf
}

// vacate sees to it that no idle server connection is in the way of the client's
// next message.
func (c *Conversation) vacate() {
	c.mu.Lock()
	databases := c.relay.Databases()
	c.mu.Unlock()
	c.host.Vacate(databases)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.relay.Vacated()
}

// await waits until the relay has seen more of the server.
func (c *Conversation) await(ctx context.Context) error {
	select {
	case <-c.progress:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attach gets a server connection, or an answer in its place.
func (c *Conversation) attach(ctx context.Context) error {
	if c.pump != nil {
		<-c.pump.done // it is giving the one before back
	}
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return net.ErrClosed
	}
	want := c.relay.Settings()
	waitCtx, endWait := context.WithCancelCause(ctx)
	defer endWait(nil)
	c.waiting = endWait
	c.noted()
	c.mu.Unlock()

	peer, ok := c.host.TryAttach(want)
	var err error
	if !ok {
		peer, err = c.waitForServer(waitCtx, endWait, want)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = nil
	c.noted()
	if ctx.Err() != nil {
		if err == nil {
			c.host.Release(peer, Return{Status: 'I'})
		}
		return context.Cause(ctx)
	}
	if err != nil {
		return c.refuse(waitCtx, err)
	}
	c.attached(ctx, peer)
	return nil
}

// waitForServer waits for a server connection. Meanwhile it reads on, as far as
// the buffer goes, to notice a client that hangs up.
func (c *Conversation) waitForServer(ctx context.Context, endWait context.CancelCauseFunc, want relay.Settings) (Peer, error) {
	watched := make(chan struct{})
	go c.watch(endWait, watched)
	peer, err := c.host.Attach(ctx, want)
	c.client.SetReadDeadline(time.Unix(1, 0))
	<-watched
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.interrupted {
		c.client.SetReadDeadline(time.Time{})
	}
	return peer, err
}

// refuse makes the relay answer in place of the server, or returns why the
// session ends. Called under mu.
func (c *Conversation) refuse(waitCtx context.Context, err error) error {
	if waitCtx.Err() != nil {
		err = context.Cause(waitCtx) // a cancel, or ErrClientLost
	}
	var last *LastWords
	var failure *wire.Error
	if errors.As(err, &last) || !errors.As(err, &failure) {
		return err
	}
	c.relay.Refuse(c.host.Explain(failure))
	return nil
}

// watch reads while a server connection is waited for, until the read deadline
// stops it, and ends the wait if the client is gone. One that has said Terminate
// behind its statements still gets them run.
func (c *Conversation) watch(endWait context.CancelCauseFunc, watched chan<- struct{}) {
	defer close(watched)
	for !c.bye && len(c.in) < cap(c.in) {
		if err := c.read(); err != nil {
			if !isTimeout(err) {
				endWait(err)
			}
			return
		}
	}
	if c.bye && !bytes.HasSuffix(c.in, terminate) {
		endWait(ErrClientLost)
	}
}
