package main

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
)

// selectOne is the smallest query.
var selectOne = simpleQuery("select 1")

// simpleQuery is the message for a statement.
func simpleQuery(statement string) []byte {
	message, err := (&pgproto3.Query{String: statement}).Encode(nil)
	if err != nil {
		panic(err) // only for a statement of a gigabyte
	}
	return message
}

// query sends a message and reads its answer.
func (c *client) query(message []byte) error {
	if _, err := c.conn.Write(message); err != nil {
		return err
	}
	return c.readUntil('Z')
}

// readUntil reads messages up to one with this tag. An ErrorResponse is an error.
func (c *client) readUntil(tag byte) error {
	for {
		found, length, err := c.header()
		if err != nil {
			return err
		}
		if found == 'E' {
			return c.errorResponse(length)
		}
		if _, err := c.reader.Discard(length); err != nil {
			return unexpectedEnd(err)
		}
		if found == tag {
			return nil
		}
	}
}

// read reads one message. An ErrorResponse is an error.
func (c *client) read() (tag byte, body []byte, err error) {
	tag, length, err := c.header()
	if err != nil {
		return 0, nil, err
	}
	if tag == 'E' {
		return 0, nil, c.errorResponse(length)
	}
	body = make([]byte, length)
	_, err = io.ReadFull(c.reader, body)
	return tag, body, unexpectedEnd(err)
}

// header reads a message's tag and the length of its body.
func (c *client) header() (tag byte, length int, err error) {
	header, err := c.reader.Peek(5)
	if err != nil {
		return 0, 0, unexpectedEnd(err)
	}
	tag, length = header[0], int(binary.BigEndian.Uint32(header[1:]))-4
	if length < 0 {
		return 0, 0, fmt.Errorf("message %q has a length of %d", tag, length)
	}
	c.reader.Discard(5)
	return tag, length, nil
}

func (c *client) errorResponse(length int) error {
	body := make([]byte, length)
	if _, err := io.ReadFull(c.reader, body); err != nil {
		return unexpectedEnd(err)
	}
	var response pgproto3.ErrorResponse
	if err := response.Decode(body); err != nil {
		return err
	}
	return fmt.Errorf("%s %s: %s", response.Severity, response.Code, response.Message)
}

// unexpectedEnd makes of a plain end one that nobody takes for success.
func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
