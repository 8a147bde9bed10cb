package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
)

// readLine reads the first line of stdin, without its end; at the end of input
// it is what there is. When ctx ends first the read is left behind: one from a
// terminal cannot be broken off, and the process is about to end.
func (a *app) readLine(ctx context.Context) (string, error) {
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return "", r.err
		}
		return strings.TrimRight(r.line, "\r\n"), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readPassword reads the password from stdin if it is wanted, else it is empty.
func (a *app) readPassword(ctx context.Context, wanted bool) (string, error) {
	if !wanted {
		return "", nil
	}
	password, err := a.readLine(ctx)
	if err == nil && password == "" {
		err = usageErrorf("--password-stdin: there is no password on standard input")
	}
	return password, err
}
