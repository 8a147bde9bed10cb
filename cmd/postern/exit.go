package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"postern/catalog/api"
	"postern/catalog/api/client"
	"postern/configs"
)

// The exit codes. Scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // usage or configuration error
	exitNotFound    = 3
	exitConflict    = 4
	exitRefused     = 5   // quota, permission
	exitSomeFailed  = 6   // some of many failed
	exitUnavailable = 7   // or timed out
	exitInterrupted = 130 // by SIGINT or SIGTERM
)

// exitError is an error that knows its exit code.
type exitError struct {
	code int
	err  error
	hint string // what to do about it; may be empty
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usageErrorf returns an error of whoever typed the command.
func usageErrorf(format string, args ...any) *exitError {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// exitCode returns what the process ends with after err, of a command under ctx.
func exitCode(ctx context.Context, err error) int {
	var (
		failure       *exitError
		problem       *api.Problem
		configuration configs.Error
	)
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &failure):
		return failure.code
	case errors.As(err, &configuration):
		return exitUsage
	case errors.As(err, &problem):
		return exitCodeOfStatus(problem.Status)
	case errors.Is(err, client.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return exitUnavailable
	}
	return exitFailed
}

func exitCodeOfStatus(status int) int {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return exitUsage
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return exitRefused
	case http.StatusNotFound, http.StatusGone:
		return exitNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return exitConflict
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout, http.StatusInsufficientStorage:
		return exitUnavailable
	}
	return exitFailed
}
