package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// transfer is one COPY of many bytes.
type transfer struct{ in, encrypted bool }

// The line that is copied again and again, with its end of line.
const lineLength = 1000

// copyBuffer is how much the client reads or writes at once, in bytes.
const copyBuffer = 256 << 10

func (w transfer) run(ctx context.Context, l *lab, p *peer, _ int) (sample, error) {
	c, err := connect(ctx, p, clientConfig{encrypted: w.encrypted, buffer: copyBuffer})
	if err != nil {
		return nil, err
	}
	defer c.close()
	move, lines := c.copyOut, l.options.CopySize/lineLength
	if w.in {
		move = c.copyIn
	}
	if err := move(min(lines, 1000)); err != nil { // warms up
		return nil, err
	}
	meter, err := startMeter(p)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := move(lines); err != nil {
		return nil, err
	}
	moved, elapsed := float64(lines*lineLength), time.Since(began)
	s := sample{megabytes: moved / 1e6 / elapsed.Seconds()}
	used, exists, err := meter.used()
	if exists {
		s[cpuPerGB] = used.total.Seconds() / (moved / 1e9)
	}
	return s, err
}

// copyOut reads lines that the server makes, so that no disk takes part.
func (c *client) copyOut(lines int64) error {
	statement := fmt.Sprintf("copy (select repeat('x', %d) from generate_series(1, %d)) to stdout", lineLength-1, lines)
	if _, err := c.conn.Write(simpleQuery(statement)); err != nil {
		return err
	}
	var got int64
	for {
		tag, length, err := c.header()
		switch {
		case err != nil:
			return err
		case tag == 'E':
			return c.errorResponse(length)
		case tag == 'd':
			got += int64(length)
		}
		if _, err := c.reader.Discard(length); err != nil {
			return unexpectedEnd(err)
		}
		if tag != 'Z' {
			continue
		}
		if got != lines*lineLength {
			return fmt.Errorf("copy: %d bytes came, not %d", got, lines*lineLength)
		}
		return nil
	}
}

// copyIn writes lines that the server reads and then forgets. A message holds a
// few of them, as psql does it.
func (c *client) copyIn(lines int64) error {
	if _, err := c.conn.Write(simpleQuery("copy copied from stdin where false")); err != nil {
		return err
	}
	if err := c.readUntil('G'); err != nil {
		return err
	}
	line := append(bytes.Repeat([]byte("x"), lineLength-1), '\n')
	const linesOfMessage, messages = 8, copyBuffer / (8 * lineLength)
	message, err1 := (&pgproto3.CopyData{Data: bytes.Repeat(line, linesOfMessage)}).Encode(nil)
	block := bytes.Repeat(message, messages)
	var left int64
	for left = lines; left >= linesOfMessage*messages; left -= linesOfMessage * messages {
		if _, err := c.conn.Write(block); err != nil {
			return err
		}
	}
	last, err2 := (&pgproto3.CopyData{Data: bytes.Repeat(line, int(left))}).Encode(nil)
	done, err3 := (&pgproto3.CopyDone{}).Encode(nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if _, err := c.conn.Write(append(last, done...)); err != nil {
		return err
	}
	return c.readUntil('Z')
}
