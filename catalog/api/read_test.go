package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
	"postern/catalog/api/client"
)

func clientSelection(state catalog.State) client.Selection { return client.Selection{State: state} }

func TestGetTenantShape(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme","labels":{"plan":"pro"}}`)
	answer := w.do("GET", "/v1/tenants/ACME", "")
	if answer.Code != http.StatusOK || answer.Header().Get("ETag") != `"1"` {
		t.Fatalf("status %d, ETag %s: %s", answer.Code, answer.Header().Get("ETag"), answer.Body)
	}
	text := answer.Body.String()
	if strings.Contains(text, "secret") || strings.Contains(text, "SCRAM") {
		t.Errorf("a secret is in %s", text)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"awake_because", "backend", "created_at", "driver", "hostnames", "id", "idle_timeout", "labels", "last_active_at",
		"pg_version", "pool_mode", "postgres", "quota", "region", "schema_version", "settings", "state",
		"updated_at", "url", "version",
	}
	if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
		t.Errorf("keys are %v\nwant     %v", got, want)
	}
	for key, want := range map[string]string{
		"url":           `"postgres://app.acme@127.0.0.1:6432/app"`,
		"awake_because": `["session 7: a statement"]`,
		"hostnames":     `[]`,
		"labels":        `{"plan":"pro"}`,
		"settings":      `{}`,
		"quota":         `null`,
		"backend":       `{"data_dir":"/nowhere/acme","pid":0,"port":5432,"socket_dir":"/nowhere"}`,
	} {
		if got, _ := json.Marshal(fields[key]); string(got) != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

// Promises: J1.
func TestReadingWakesNobody(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	w.must(t, http.StatusOK, "POST", "/v1/tenants/acme/suspend", "")
	for _, path := range []string{"", "/acme", "/acme/roles", "/acme/databases"} {
		w.must(t, http.StatusOK, "GET", "/v1/tenants"+path, "")
	}
	w.must(t, http.StatusNotImplemented, "GET", "/v1/tenants/acme/logs", "")
	if n := w.Driver.Starts(); n != 1 {
		t.Errorf("started %d times", n)
	}
}

func TestUnknownTenant(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, id := range []string{"nobody", "postgres", "no_id", "%2e%2e%2f"} {
		path := "/v1/tenants/" + id
		w.must(t, http.StatusNotFound, "GET", path, "")
		w.must(t, http.StatusNotFound, "PATCH", path, `{}`)
		w.must(t, http.StatusNotFound, "DELETE", path, "")
		for _, verb := range []string{"wake", "suspend", "pause", "resume", "undelete", "reset-password"} {
			w.must(t, http.StatusNotFound, "POST", path+"/"+verb, "")
		}
		w.must(t, http.StatusNotFound, "GET", path+"/logs", "")
		for _, noun := range []string{"roles", "databases"} {
			w.must(t, http.StatusNotFound, "GET", path+"/"+noun, "")
			w.must(t, http.StatusNotFound, "POST", path+"/"+noun, `{"name":"x"}`)
			w.must(t, http.StatusNotFound, "DELETE", path+"/"+noun+"/x", "")
		}
	}
}

func TestUnknownOperation(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusNotFound, "GET", "/v2/tenants", "")
	w.must(t, http.StatusMethodNotAllowed, "PUT", "/v1/tenants", "")
	if allow := w.do("PUT", "/v1/tenants", "").Header().Get("Allow"); allow != "GET, HEAD, POST" {
		t.Errorf("Allow: %s", allow)
	}
	w.must(t, http.StatusUnprocessableEntity, "GET", "/v1/tenants?limt=3", "")
}

func TestCatalogUnavailable(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.Store.Fail(catalog.ErrUnavailable)
	for _, path := range []string{"/v1/tenants", "/v1/tenants/acme"} {
		w.must(t, http.StatusServiceUnavailable, "GET", path, "")
		if after := w.do("GET", path, "").Header().Get("Retry-After"); after != "1" {
			t.Errorf("GET %s: Retry-After %q", path, after)
		}
	}
	w.must(t, http.StatusServiceUnavailable, "POST", "/v1/tenants", `{"id":"acme"}`)
}

// Every tenant that is there all the while is listed exactly once, however many
// come and go between two pages.
func TestListTenantsWhileTheyChange(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, id := range []string{"b", "d", "f", "h", "k"} {
		w.must(t, http.StatusCreated, "POST", "/v1/tenants", fmt.Sprintf(`{"id":%q}`, id))
	}
	var seen []string
	changes := []func(){
		func() { w.must(t, http.StatusOK, "DELETE", "/v1/tenants/d?purge=true", "") }, // the cursor itself
		func() { w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"a"}`) }, // behind us
		func() { w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"m"}`) }, // ahead
	}
	cursor := ""
	for {
		page := w.must(t, http.StatusOK, "GET", "/v1/tenants?limit=2&cursor="+cursor, "")
		for _, tenant := range page["tenants"].([]any) {
			seen = append(seen, tenant.(map[string]any)["id"].(string))
		}
		next, more := page["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
		if len(changes) > 0 {
			changes[0]()
			changes = changes[1:]
		}
	}
	if want := []string{"b", "d", "f", "h", "k"}; !slices.Equal(seen[:5], want) || len(seen) > 6 {
		t.Errorf("listed %v", seen)
	}
	w.must(t, http.StatusUnprocessableEntity, "GET", "/v1/tenants?limit=0", "")
	w.must(t, http.StatusUnprocessableEntity, "GET", "/v1/tenants?limit=1001", "")
}

func TestListTenantsSelects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testListTenantsSelects)
}

func testListTenantsSelects(t *testing.T) {
	w, end := inBubble()
	defer end()
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"a","labels":{"plan":"pro","eu":"yes,no"}}`)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"b","labels":{"plan":"pro"},"hostnames":["b.example.com"]}`)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"c"}`)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"d"}`)
	synctest.Wait() // the gate files what it did a moment after it has answered
	w.must(t, http.StatusOK, "POST", "/v1/tenants/b/suspend", "")
	w.must(t, http.StatusOK, "DELETE", "/v1/tenants/d", "")
	for query, want := range map[string]string{
		"":                                  "a b c",
		"?state=asleep":                     "b",
		"?state=deleting":                   "d",
		"?state=failed":                     "",
		"?hostname=B.example.com":           "b",
		"?hostname=c.example.com":           "",
		"?label=plan%3Dpro":                 "a b",
		"?label=plan%3Dpro&label=eu=yes,no": "a",
		"?label=plan%3Dpro&state=asleep":    "b",
	} {
		var ids []string
		for _, tenant := range w.must(t, http.StatusOK, "GET", "/v1/tenants"+query, "")["tenants"].([]any) {
			ids = append(ids, tenant.(map[string]any)["id"].(string))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	w.must(t, http.StatusUnprocessableEntity, "GET", "/v1/tenants?label=plan", "")
	w.must(t, http.StatusUnprocessableEntity, "GET", "/v1/tenants?state=tired", "")
}

func TestGetLogs(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	name := filepath.Join(t.TempDir(), "postgres.log")
	w.Driver.LogTo(name)
	lines := func(query string) []any {
		t.Helper()
		return w.must(t, http.StatusOK, "GET", "/v1/tenants/acme/logs"+query, "")["lines"].([]any)
	}
	if got := lines(""); len(got) != 0 {
		t.Errorf("without a file: %v", got)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\ntwo\n\nfour\n")
	if got := fmt.Sprint(lines("")); got != "[one two  four]" {
		t.Errorf("got %s", got)
	}
	if got := fmt.Sprint(lines("?lines=1")); got != "[four]" {
		t.Errorf("got %s", got)
	}
	write(strings.Repeat("long line\n", 300_000) + "last")
	if got := lines("?lines=10000"); len(got) != 10_000 || got[0] != "long line" || got[9_999] != "last" {
		t.Errorf("%d lines from %v to %v", len(got), got[0], got[len(got)-1])
	}

	// A link out of the directory is not followed.
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, name); err != nil {
		t.Fatal(err)
	}
	w.must(t, http.StatusInternalServerError, "GET", "/v1/tenants/acme/logs", "")
}

// A read deadline that stays on the connection would end operations that take
// longer: net/http cancels the request when it strikes.
func TestNoReadDeadlineIsLeft(t *testing.T) {
	t.Parallel()
	w := start(t)
	answer := &deadlined{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/v1/tenants", strings.NewReader(`{"id":"acme"}`))
	w.Handler.ServeHTTP(answer, r)
	if answer.Code != http.StatusCreated || !answer.deadline.IsZero() {
		t.Errorf("status %d, read deadline %v", answer.Code, answer.deadline)
	}
}

// deadlined notes the read deadline that is set on its connection.
type deadlined struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (d *deadlined) SetReadDeadline(t time.Time) error {
	d.deadline = t
	return nil
}
