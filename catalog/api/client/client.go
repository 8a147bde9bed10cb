package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"postern/catalog/api"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// ErrUnreachable: nobody answered, or not as Postern does.
var ErrUnreachable = errors.New("cannot reach Postern")

// Client talks to one Postern. It is safe for concurrent use. Make one with
// Socket or Server.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// Socket returns a client that uses the control socket at path.
func Socket(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return newClient("http://postern", "", &http.Transport{DialContext: dial})
}

// Server returns a client of the Postern at an http or https URL, with a bearer
// token unless that is empty. Its error says what is wrong with the URL.
func Server(server, token string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("server %q is not an http or https URL", u.Redacted())
	}
	return newClient(strings.TrimSuffix(u.String(), "/"), token, &http.Transport{Proxy: http.ProxyFromEnvironment}), nil
}

func newClient(base, token string, transport *http.Transport) *Client {
	return &Client{base: base, token: token, http: &http.Client{
		Transport: transport,
		// The token is for this server and no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one call: body is sent as JSON unless nil, ifMatch as If-Match
// unless empty.
type request struct {
	method  string
	path    string
	query   url.Values
	ifMatch string
	body    any
}

// call sends r and reads the answer. An error is an *api.Problem where Postern
// answered with one, and wraps ErrUnreachable where nobody did.
func call[T any](ctx context.Context, c *Client, r request) (*T, error) {
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	q, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if r.body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if r.ifMatch != "" {
		q.Header.Set("If-Match", r.ifMatch)
	}
	if c.token != "" {
		q.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(q)
	if err != nil {
		return nil, unreachable(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, unreachable(err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, problem(answer, text)
	}
	result := new(T)
	if err := json.Unmarshal(text, result); err != nil {
		return nil, unreachable(fmt.Errorf("answer to %s %s: %w", r.method, r.path, err))
	}
	return result, nil
}

// problem is the answer as an error; one that is none of Postern's keeps its
// status, which is what the caller acts on.
func problem(answer *http.Response, text []byte) error {
	p := &api.Problem{}
	if json.Unmarshal(text, p) != nil || p.Status == 0 {
		p = &api.Problem{Status: answer.StatusCode, Title: answer.Status, Detail: "the server answered " + answer.Status}
	}
	return p
}

// unreachable leaves out the URL that net/http puts before the cause: for the
// control socket it is made up, and elsewhere the user has just typed it.
func unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
