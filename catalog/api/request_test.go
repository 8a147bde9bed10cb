package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/catalog/api/apitest"
	"postern/catalog/api/client"
)

// world is a control plane that requests go to.
type world struct{ *apitest.World }

func start(t *testing.T) world {
	t.Helper()
	return world{apitest.Start(t)}
}

// inBubble returns a world for a synctest bubble; the test calls end.
func inBubble() (w world, end func()) {
	inner, end := apitest.New()
	return world{inner}, end
}

// client returns a client that reaches the world over HTTP.
func (w world) client(t *testing.T) *client.Client {
	t.Helper()
	server := httptest.NewServer(w.Handler)
	t.Cleanup(server.Close)
	c, err := client.Server(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// do sends one request straight to the handler and returns what came back.
func (w world) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	w.Handler.ServeHTTP(answer, r)
	return answer
}

// must is do for a request that has to be answered with the status.
func (w world) must(t *testing.T, status int, method, path, body string, header ...string) map[string]any {
	t.Helper()
	answer := w.do(method, path, body, header...)
	if answer.Code != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, answer.Code, status, answer.Body)
	}
	var fields map[string]any
	if err := json.Unmarshal(answer.Body.Bytes(), &fields); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, answer.Body)
	}
	wantType := "application/json"
	if status >= 400 {
		wantType = "application/problem+json"
		if fields["status"] != float64(status) || fields["title"] != http.StatusText(status) {
			t.Errorf("%s %s: the problem disagrees with its status: %s", method, path, answer.Body)
		}
	}
	if got := answer.Header().Get("Content-Type"); got != wantType {
		t.Errorf("%s %s: content type %q, want %q", method, path, got, wantType)
	}
	return fields
}
