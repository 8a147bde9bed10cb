package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"postern/catalog"
	"postern/wake"
)

// Problem is how the API answers an error (RFC 9457, application/problem+json).
type Problem struct {
	Type   string `json:"type,omitempty" doc:"Always about:blank: the status says what kind of problem it is"`
	Title  string `json:"title" doc:"The status in words"`
	Status int    `json:"status" doc:"The HTTP status"`
	Detail string `json:"detail,omitempty" doc:"What happened in this very case"`
	Hint   string `json:"hint,omitempty" doc:"What to do about it"`
	Log    string `json:"log,omitempty" doc:"The end of the tenant's own log, where it tells why"`
	// Errors says what was wrong with the request, one by one. The values that
	// were wrong are left out: one of them might be a password.
	Errors []InvalidField `json:"errors,omitempty" doc:"What was wrong with the request"`

	retryAfter time.Duration
}

// InvalidField is one thing that was wrong with a request.
type InvalidField struct {
	Location string `json:"location,omitempty" doc:"Where, for example body.labels"`
	Message  string `json:"message" doc:"What"`
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status. (huma.StatusError)
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns Retry-After where trying again may help. (huma.HeadersError)
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter <= 0 {
		return nil
	}
	seconds := int(math.Ceil(p.retryAfter.Seconds()))
	return http.Header{"Retry-After": {strconv.Itoa(seconds)}}
}

// ContentType returns the type that a Problem is sent as. (huma.ContentTypeFilter)
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problemf returns a Problem of that status.
func problemf(status int, format string, args ...any) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// hint adds what to do about the problem.
func (p *Problem) hint(format string, args ...any) *Problem {
	p.Hint = fmt.Sprintf(format, args...)
	return p
}

// newProblem says err in HTTP's words.
func newProblem(err error) *Problem {
	problem := statusProblem(err)
	var unready *wake.UnreadyError
	if errors.As(err, &unready) && unready.RetryAfter > 0 {
		problem.retryAfter = unready.RetryAfter
	} else if problem.Status == http.StatusServiceUnavailable {
		problem.retryAfter = time.Second
	}
	return problem
}

func statusProblem(err error) *Problem {
	var (
		problem  *Problem
		busy     *wake.BusyError
		failed   *wake.FailedError
		unready  *wake.UnreadyError
		sqlError interface{ SQLState() string }
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.Is(err, catalog.ErrNotFound):
		return problemf(http.StatusNotFound, "%v", err)
	case errors.Is(err, catalog.ErrExists), errors.Is(err, catalog.ErrConflict):
		return problemf(http.StatusConflict, "%v", err)
	case errors.As(err, &busy):
		return problemf(http.StatusConflict, "%v", err).hint("Wait for the work to end, or force it.")
	case errors.As(err, &failed):
		problem = problemf(http.StatusInternalServerError, "%v", err)
		problem.Hint, problem.Log = failed.Hint, failed.Log
		return problem
	case errors.Is(err, wake.ErrUnsupported):
		return problemf(http.StatusNotImplemented, "%v", err)
	case errors.Is(err, wake.ErrNotProvisioned):
		return problemf(http.StatusConflict, "%v", err)
	case errors.Is(err, wake.ErrNoRoom):
		return problemf(http.StatusInsufficientStorage, "%v", err)
	case errors.As(err, &sqlError):
		return problemf(statusOfSQLState(sqlError.SQLState()), "%v", err)
	case errors.As(err, &unready), errors.Is(err, catalog.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problemf(http.StatusServiceUnavailable, "%v", err)
	}
	return problemf(http.StatusInternalServerError, "%v", err)
}

// statusOfSQLState says in HTTP's words why a tenant's Postgres refused.
// (PostgreSQL manual, appendix A.)
func statusOfSQLState(code string) int {
	switch code {
	case "42710", "42P04", "2BP01", "55006", "55000": // exists; is needed; is in use
		return http.StatusConflict
	case "42704", "3D000": // no such role; no such database
		return http.StatusNotFound
	case "42501": // not permitted
		return http.StatusForbidden
	}
	switch code[:min(2, len(code))] {
	case "22", "42":
		return http.StatusUnprocessableEntity
	case "53":
		return http.StatusInsufficientStorage
	case "08", "57":
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// plainProblem turns the errors that huma finds in a request into Problems.
func plainProblem(_ huma.Context, _ string, body any) (any, error) {
	model, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	problem := problemf(model.Status, "%s", model.Detail)
	for _, e := range model.Errors {
		problem.Errors = append(problem.Errors, InvalidField{Location: e.Location, Message: e.Message})
	}
	return problem, nil
}

// problemResponse documents the answer for every status that is no success.
func problemResponse(router huma.API) *huma.Response {
	return &huma.Response{
		Description: "Error",
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: router.OpenAPI().Components.Schemas.Schema(problemType, true, "")},
		},
	}
}
