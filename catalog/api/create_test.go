package api_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
	"postern/catalog/api"
	"postern/wake"
)

func TestCreateTenant(t *testing.T) {
	t.Parallel()
	w := start(t)
	answer := w.do("POST", "/v1/tenants", `{"id":"Acme","labels":{"plan":"pro"},"hostnames":["DB.Acme.example."],"pg_version":15,"password":"s3cret"}`)
	if answer.Code != http.StatusCreated {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	if tag, at := answer.Header().Get("ETag"), answer.Header().Get("Location"); tag != `"1"` || at != "/v1/tenants/acme" {
		t.Errorf("ETag %s, Location %s", tag, at)
	}
	record, err := w.Store.Lookup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if record.Roles["app"].Verifier != "SCRAM-SHA-256$verifier-of:s3cret" || !record.Roles["app"].CanLogin {
		t.Errorf("role app is %+v", record.Roles["app"])
	}
	if !slices.Equal(record.Databases, []string{"app"}) || !slices.Equal(record.Hostnames, []string{"db.acme.example"}) || record.PGVersion != 15 {
		t.Errorf("record is %+v", record)
	}
	if strings.Contains(w.Log(), "s3cret") {
		t.Error("the password is in the log")
	}
}

// The answer of create is part of the contract: these keys, these values.
func TestCreateTenantShape(t *testing.T) {
	t.Parallel()
	w := start(t)
	fields := w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	want := map[string]any{
		"id": "acme", "state": "awake", "driver": "process", "region": "local", "version": float64(1),
		"url": "postgres://app.acme:made-up-secret@127.0.0.1:6432/app",
	}
	created, _ := fields["created_at"].(string)
	if !strings.HasSuffix(created, "Z") {
		t.Errorf("created_at is %q, not a time in UTC", created)
	}
	delete(fields, "created_at")
	if !maps.Equal(fields, want) {
		t.Errorf("got  %v\nwant %v", fields, want)
	}
}

func TestCreateTenantRefusals(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"taken","hostnames":["taken.example.com"]}`)
	tests := []struct {
		name, body string
		status     int
		says       string
	}{
		{"no id", `{}`, 422, "id"},
		{"empty id", `{"id":""}`, 422, "empty"},
		{"id with dot", `{"id":"a.b"}`, 422, "a-z"},
		{"reserved id", `{"id":"postgres"}`, 422, "reserved"},
		{"pooler id", `{"id":"a-pooler"}`, 422, "-pooler"},
		{"taken id", `{"id":"TAKEN"}`, 409, "exists"},
		{"taken host name", `{"id":"other","hostnames":["taken.example.com"]}`, 409, "exists"},
		{"unknown driver", `{"id":"a","driver":"docker"}`, 422, "docker"},
		{"host name without domain", `{"id":"a","hostnames":["localhost"]}`, 422, "localhost"},
		{"label", `{"id":"a","labels":{"a=b":""}}`, 422, "a=b"},
		{"setting", `{"id":"a","settings":{"":"x"}}`, 422, "setting"},
		{"server setting of ours", `{"id":"a","postgres":{"PORT":"1"}}`, 403, "PORT"},
		{"server setting of two lines", `{"id":"a","postgres":{"work_mem":"1\nport=1"}}`, 422, "work_mem"},
		{"no server setting", `{"id":"a","postgres":{"work mem":"1"}}`, 422, "work mem"},
		{"pool mode", `{"id":"a","pool_mode":"statement"}`, 422, "pool_mode"},
		{"idle timeout", `{"id":"a","idle_timeout":"10ms"}`, 422, "idle timeout"},
		{"unknown field", `{"id":"a","nope":1}`, 422, "nope"},
		{"wrong type", `{"id":"a","password":{"x":"hunter2"}}`, 422, "password"},
		{"bad password", `{"id":"a","password":"hunter2\u0001"}`, 422, "password"},
		{"malformed verifier", `{"id":"a","password":"SCRAM-SHA-256$hunter2"}`, 422, "verifier"},
		{"not JSON", `{"id":`, 400, ""},
		{"no body", ``, 400, "body"},
		{"backend without host", `{"id":"a","backend":{}}`, 422, "host"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w.must(t, test.status, "POST", "/v1/tenants", test.body)
			text := w.do("POST", "/v1/tenants", test.body).Body.String()
			if !strings.Contains(text, test.says) {
				t.Errorf("%q is not in %s", test.says, text)
			}
			if strings.Contains(text, "hunter2") {
				t.Errorf("the answer repeats the password: %s", text)
			}
		})
	}
}

func TestCreateTenantWithVerifier(t *testing.T) {
	t.Parallel()
	w := start(t)
	fields := w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme","password":"SCRAM-SHA-256$4096:c2FsdA==$a:b"}`)
	if fields["url"] != "postgres://app.acme@127.0.0.1:6432/app" {
		t.Errorf("url is %v", fields["url"])
	}
	record, _ := w.Store.Lookup(t.Context(), "acme")
	if record.Roles["app"].Verifier != "SCRAM-SHA-256$4096:c2FsdA==$a:b" {
		t.Errorf("verifier is %q", record.Roles["app"].Verifier)
	}
}

func TestCreateTenantWithoutWaiting(t *testing.T) {
	t.Parallel()
	w := start(t)
	fields := w.must(t, http.StatusAccepted, "POST", "/v1/tenants", `{"id":"acme","no_wait":true}`)
	if fields["state"] != "provisioning" || fields["url"] != "postgres://app.acme:made-up-secret@127.0.0.1:6432/app" {
		t.Errorf("got %v", fields)
	}
	// It is on its way: waking it only waits.
	w.must(t, http.StatusOK, "POST", "/v1/tenants/acme/wake", "")
	if n := w.Driver.Starts(); n != 1 {
		t.Errorf("started %d times", n)
	}
}

func TestCreateTenantFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testCreateTenantFails)
}

func testCreateTenantFails(t *testing.T) {
	w, end := inBubble()
	defer end()
	w.Driver.Fail(&wake.FailedError{Reason: "initdb failed", Hint: "Install PostgreSQL.", Log: "FATAL: no room"})
	problem := w.must(t, http.StatusInternalServerError, "POST", "/v1/tenants", `{"id":"acme"}`)
	if problem["hint"] != "Install PostgreSQL." || problem["log"] != "FATAL: no room" || !strings.Contains(problem["detail"].(string), "initdb failed") {
		t.Errorf("problem is %v", problem)
	}
	synctest.Wait() // the gate files it a moment later
	fields := w.must(t, http.StatusOK, "GET", "/v1/tenants/acme", "")
	if fields["state"] != "failed" || !strings.Contains(fields["failure"].(string), "FATAL: no room") {
		t.Errorf("state %v, failure %v", fields["state"], fields["failure"])
	}
	for _, path := range []string{"/roles", "/databases"} {
		w.must(t, http.StatusConflict, "POST", "/v1/tenants/acme"+path, `{"name":"other"}`)
	}

	// The operator has mended it: now it is made. Until its pause after a failure
	// is over the gate says so.
	w.Driver.Fail(nil)
	answer := w.do("POST", "/v1/tenants/acme/wake", "")
	for answer.Header().Get("Retry-After") != "" {
		w.must(t, http.StatusInternalServerError, "POST", "/v1/tenants/acme/wake", "")
		time.Sleep(time.Second)
		answer = w.do("POST", "/v1/tenants/acme/wake", "")
	}
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	if fields = w.must(t, http.StatusOK, "GET", "/v1/tenants/acme", ""); fields["state"] != "awake" || fields["failure"] != nil {
		t.Errorf("after waking: %v", fields)
	}
}

func TestCreateTenantWithoutRoom(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.Driver.Fail(wake.ErrNoRoom)
	w.must(t, http.StatusInsufficientStorage, "POST", "/v1/tenants", `{"id":"acme"}`)
}

func TestClientSeesProblem(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	if _, err := c.CreateTenant(t.Context(), api.CreateTenant{ID: "acme"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateTenant(t.Context(), api.CreateTenant{ID: "acme"})
	var problem *api.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusConflict {
		t.Errorf("got %v", err)
	}
	page, err := c.ListTenants(t.Context(), clientSelection(catalog.Awake))
	if err != nil || len(page.Tenants) != 1 || page.Tenants[0].ID != "acme" {
		t.Errorf("got %+v, %v", page, err)
	}
}
