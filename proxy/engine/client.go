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

// pumpClient relays what the client sends until it leaves. Run alone calls it.
func (c *Conversation) pumpClient(ctx context.Context, pump *serverPump, cancel context.CancelCauseFunc) error {
	for {
		step, err := c.look()
		if err != nil {
			return err
		}
		if err := c.take(step); err != nil {
			return err
		}
		switch step.Pause {
		case relay.Goodbye:
			return nil
		case relay.NeedServer:
			if err := c.attach(ctx, pump, cancel); err != nil {
				return err
			}
			continue
		}
		if step.Forward+step.Drop > 0 {
			continue
		}
		if c.bye {
			return c.leave()
		}
		if err := c.read(); err != nil {
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
	c.left = c.left || c.relay.Terminated()
	return step, err
}

// take does what step says.
func (c *Conversation) take(step relay.Step) error {
	if step.Forward > 0 {
		if _, err := c.server.Write(c.in[:step.Forward]); err != nil {
			return errors.Join(errServerWrite, err)
		}
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

// send writes to the client; whole says that b begins with a message. Called
// under writing.
func (c *Conversation) send(b []byte, whole bool) error {
	n, err := c.client.Write(b)
	c.bytesOut.Add(int64(n))
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

// leave is for a client that has closed its side. As with PostgreSQL itself, the
// statements that it sent before are run and answered.
func (c *Conversation) leave() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return ErrClientLost
	}
	c.left = true
	if half, ok := c.server.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return nil
	}
	return ErrClientLost
}

// attach gets a server connection, or an answer in its place. Meanwhile it reads
// on, as far as the buffer goes, to notice a client that hangs up.
func (c *Conversation) attach(ctx context.Context, pump *serverPump, cancel context.CancelCauseFunc) error {
	waitCtx, endWait := context.WithCancelCause(ctx)
	defer endWait(nil)
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.waiting = endWait
	c.mu.Unlock()

	watched := make(chan struct{})
	go c.watch(endWait, watched)
	peer, err := c.host.Attach(waitCtx)
	c.client.SetReadDeadline(time.Unix(1, 0))
	<-watched

	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = nil
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.client.SetReadDeadline(time.Time{})
	if err != nil {
		return c.refuse(waitCtx, err)
	}
	c.server = peer.Conn
	c.relay.Attached()
	go pump.run(ctx, peer, cancel)
	return nil
}

// refuse makes the relay answer in place of the server, or returns why the
// session ends. Called under mu.
func (c *Conversation) refuse(waitCtx context.Context, err error) error {
	if waitCtx.Err() != nil {
		err = context.Cause(waitCtx) // a cancel, or ErrClientLost
	}
	var last *LastWords
	var failure *wire.Error
	switch {
	case errors.As(err, &last) || !errors.As(err, &failure):
		return err
	default:
		c.relay.Refuse(c.host.Explain(failure))
		return nil
	}
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
