package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
	"postern/catalog/api/apitest"
)

func TestUpdateTenant(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme","labels":{"a":"1","b":"2"}}`)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"other","hostnames":["other.example.com"]}`)
	path := "/v1/tenants/acme"

	fields := w.must(t, http.StatusOK, "PATCH", path, `{"labels":{"a":null,"b":"3","c":"4"},"pool_mode":"transaction","idle_timeout":"0","postgres":{"work_mem":"8MB"}}`)
	if got := fmt.Sprint(fields["labels"], fields["pool_mode"], fields["idle_timeout"], fields["postgres"], fields["version"]); got != "map[b:3 c:4]transaction0map[work_mem:8MB] 2" {
		t.Errorf("got %s", got)
	}
	fields = w.must(t, http.StatusOK, "PATCH", path, `{"hostnames":["Acme.example.com"]}`, "If-Match", `"7", "2"`, "Content-Type", "application/merge-patch+json")
	if got := fmt.Sprint(fields["hostnames"], fields["labels"]); got != "[acme.example.com] map[b:3 c:4]" {
		t.Errorf("got %s", got)
	}
	if fields = w.must(t, http.StatusOK, "PATCH", path, `{}`); fields["version"] != 3.0 {
		t.Errorf("nothing changed, but the version is %v", fields["version"])
	}

	w.must(t, http.StatusPreconditionFailed, "PATCH", path, `{"region":"eu"}`, "If-Match", `"2"`)
	w.must(t, http.StatusPreconditionFailed, "PATCH", path, `{"region":"eu"}`, "If-Match", `W/"3"`)
	w.must(t, http.StatusOK, "PATCH", path, `{"region":"eu"}`, "If-Match", `*`)
	w.must(t, http.StatusConflict, "PATCH", path, `{"hostnames":["other.example.com"]}`)
	w.must(t, http.StatusUnprocessableEntity, "PATCH", path, `{"hostnames":["no host"]}`)
	w.must(t, http.StatusUnprocessableEntity, "PATCH", path, `{"id":"new"}`)
	w.must(t, http.StatusUnprocessableEntity, "PATCH", path, `{"region":""}`)
	w.must(t, http.StatusForbidden, "PATCH", path, `{"postgres":{"data_directory":"/"}}`)

	// A change of state leaves the ETag alone.
	w.must(t, http.StatusOK, "POST", path+"/suspend", "")
	if tag := w.do("GET", path, "").Header().Get("ETag"); tag != `"4"` {
		t.Errorf("ETag is %s", tag)
	}
	w.must(t, http.StatusOK, "DELETE", path, "")
	w.must(t, http.StatusConflict, "PATCH", path, `{"region":"us"}`)
}

// Each step is a request, the status it gets, and what the answer says.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testLifecycle)
}

func testLifecycle(t *testing.T) {
	w, end := inBubble()
	defer end()
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	for i, step := range []struct{ request, says string }{
		{"POST /wake", "already_awake awake"},
		{"POST /resume", "already_awake awake"},
		{"POST /suspend", "asleep asleep"},
		{"POST /suspend", "already_asleep asleep"},
		{"POST /wake", "awake awake"},
		{"POST /pause", "paused paused"},
		{"POST /pause", "already_paused paused"},
		{"POST /suspend", "already_paused paused"},
		{"POST /wake", "409"},
		{"POST /reset-password", "409"},
		{"POST /resume", "asleep asleep"},
		{"POST /resume", "already_asleep asleep"},
		{"POST /undelete", "already_asleep asleep"},
		{"POST /wake", "awake awake"},
		{"DELETE ", "deleting deleting"},
		{"DELETE ", "already_deleting deleting"},
		{"POST /wake", "409"},
		{"POST /pause", "409"},
		{"POST /suspend", "409"},
		{"POST /resume", "409"},
		{"POST /undelete", "asleep asleep"},
		{"POST /wake", "awake awake"},
		{"DELETE ?purge=true", "deleting deleting"},
		{"GET ", "404"},
		{"DELETE ", "404"},
	} {
		synctest.Wait() // the gate files what it did a moment after it has answered
		method, path, _ := strings.Cut(step.request, " ")
		var got string
		if len(step.says) == 3 {
			got = fmt.Sprint(w.do(method, "/v1/tenants/acme"+path, "").Code)
		} else {
			fields := w.must(t, http.StatusOK, method, "/v1/tenants/acme"+path, "")
			got = fmt.Sprint(fields["status"], " ", fields["state"])
		}
		if got != step.says {
			t.Errorf("step %d, %s: %s, want %s", i, step.request, got, step.says)
		}
	}
	if got := w.Driver.Starts(); got != 4 {
		t.Errorf("started %d times", got)
	}
	if got := w.Ended(); len(got) != 3 || got[0] != "*@acme" {
		t.Errorf("sessions ended: %v", got)
	}
}

func TestDeleteTenantAtAnotherVersion(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	w.must(t, http.StatusPreconditionFailed, "DELETE", "/v1/tenants/acme", "", "If-Match", `"2"`)
	if got := w.Ended(); len(got) != 0 {
		t.Errorf("sessions ended: %v", got)
	}
	w.must(t, http.StatusOK, "DELETE", "/v1/tenants/acme", "", "If-Match", `"1"`)
	w.must(t, http.StatusConflict, "POST", "/v1/tenants", `{"id":"acme"}`)
}

func TestUndeleteWhatIsGone(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	w.must(t, http.StatusOK, "DELETE", "/v1/tenants/acme", "")
	w.Driver.Lose() // wake.process.keep_deleted is over
	w.must(t, http.StatusNotFound, "POST", "/v1/tenants/acme/undelete", "")
	w.must(t, http.StatusOK, "DELETE", "/v1/tenants/acme?purge=true", "")
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
}

// A tenant that had data is not made anew because its data has vanished.
func TestWakeWithoutData(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	w.must(t, http.StatusOK, "POST", "/v1/tenants/acme/suspend", "")
	w.Driver.Lose()
	for range 2 {
		answer := w.do("POST", "/v1/tenants/acme/wake", "")
		if answer.Code != http.StatusInternalServerError || !strings.Contains(answer.Body.String(), "data is gone") {
			t.Errorf("status %d: %s", answer.Code, answer.Body)
		}
	}
}

func TestSuspendWaits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		works      time.Duration // how long the work goes on
		status     int
		takes      time.Duration
	}{
		{"work ends", ``, 3 * time.Second, 200, 3 * time.Second},
		{"work outlasts the default", ``, time.Hour, 409, 30 * time.Second},
		{"work outlasts the timeout", `{"timeout":"5s"}`, time.Hour, 409, 5 * time.Second},
		{"longer than Config.Timeout", `{"timeout":"5m"}`, 4 * time.Minute, 200, 4 * time.Minute},
		{"force", `{"force":true}`, time.Hour, 200, 0},
		{"force after a while", `{"timeout":"5s","force":true}`, time.Hour, 200, 5 * time.Second},
		{"force is not needed", `{"timeout":"5s","force":true}`, time.Second, 200, time.Second},
		{"no time at all", `{"timeout":"0s"}`, time.Hour, 409, 100 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, end := inBubble()
				defer end()
				w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
				w.Driver.Busy("a statement")
				time.AfterFunc(test.works, func() { w.Driver.Busy() })
				before := time.Now()
				fields := w.must(t, test.status, "POST", "/v1/tenants/acme/suspend", test.body)
				took := time.Since(before)
				if took < test.takes || took > test.takes+suspendPause {
					t.Errorf("took %v, want %v", took, test.takes)
				}
				if test.status == 409 && (!strings.Contains(fields["detail"].(string), "a statement") || fields["hint"] == nil) {
					t.Errorf("problem is %v", fields)
				}
			})
		})
	}
}

const suspendPause = 100 * time.Millisecond

func TestSuspendRefusals(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	for _, body := range []string{`{"timeout":"soon"}`, `{"timeout":"-1s"}`, `{"timeout":"25h"}`, `{"timeout":3}`} {
		w.must(t, http.StatusUnprocessableEntity, "POST", "/v1/tenants/acme/suspend", body)
		w.must(t, http.StatusUnprocessableEntity, "POST", "/v1/tenants/acme/pause", body)
	}
	if _, err := w.Store.Create(t.Context(), &catalog.Tenant{ID: "new", Driver: "process", State: catalog.Provisioning}); err != nil {
		t.Fatal(err)
	}
	w.must(t, http.StatusConflict, "POST", "/v1/tenants/new/suspend", "")
	w.must(t, http.StatusConflict, "POST", "/v1/tenants/new/pause", "")
}

// A pause counts at once; work that outlasts the wait goes on to its end.
func TestPauseWhileBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, end := inBubble()
		defer end()
		w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
		w.Driver.Busy("a statement")
		fields := w.must(t, http.StatusOK, "POST", "/v1/tenants/acme/pause", `{"timeout":"2s"}`)
		if fields["status"] != "paused" || fields["state"] != "paused" {
			t.Errorf("got %v", fields)
		}
		if fields = w.must(t, http.StatusOK, "POST", "/v1/tenants/acme/resume", ""); fields["state"] != "awake" {
			t.Errorf("after resume: %v", fields)
		}
	})
}

func TestResetPassword(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants/acme/roles", `{"name":"reader","read_only":true}`)
	path := "/v1/tenants/acme/reset-password"
	fields := w.must(t, http.StatusOK, "POST", path, `{"password":"new"}`)
	if fields["url"] != "postgres://app.acme:new@127.0.0.1:6432/app" || fields["role"] != "app" || fields["version"] != 3.0 {
		t.Errorf("got %v", fields)
	}
	fields = w.must(t, http.StatusOK, "POST", path, `{"role":"reader"}`)
	if fields["url"] != "postgres://reader.acme:made-up-secret@127.0.0.1:6432/app" {
		t.Errorf("got %v", fields)
	}
	record, _ := w.Store.Lookup(t.Context(), "acme")
	for name, verifier := range w.Driver.Verifiers(record) {
		if record.Roles[name].Verifier != verifier {
			t.Errorf("role %s: the catalog and Postgres disagree", name)
		}
	}
	if !record.Roles["reader"].ReadOnly {
		t.Error("the new password made the reader a writer")
	}
	w.must(t, http.StatusNotFound, "POST", path, `{"role":"nobody"}`)
	w.must(t, http.StatusForbidden, "POST", path, `{"role":"postgres"}`)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	w.must(t, http.StatusOK, "POST", "/v1/tenants/acme/suspend", "")
	path := "/v1/tenants/acme/roles"
	fields := w.must(t, http.StatusCreated, "POST", path, `{"name":"first.last/x","read_only":true,"password":"s3cret"}`)
	want := map[string]any{
		"name": "first.last/x", "tenant": "acme", "read_only": true, "can_login": true, "has_password": true, "valid_until": nil,
		"url": "postgres://first.last/x.acme:s3cret@127.0.0.1:6432/app",
	}
	if !maps.Equal(fields, want) {
		t.Errorf("got  %v\nwant %v", fields, want)
	}
	var names []string
	for _, role := range w.must(t, http.StatusOK, "GET", path, "")["roles"].([]any) {
		names = append(names, role.(map[string]any)["name"].(string))
	}
	if !slices.Equal(names, []string{"app", "first.last/x"}) {
		t.Errorf("roles are %v", names)
	}
	if text := w.do("GET", path, "").Body.String(); strings.Contains(text, "SCRAM") {
		t.Errorf("a verifier is in %s", text)
	}
	w.must(t, http.StatusConflict, "POST", path, `{"name":"app"}`)
	w.must(t, http.StatusForbidden, "POST", path, `{"name":"postgres"}`)
	w.must(t, http.StatusForbidden, "POST", path, `{"name":"pg_monitor"}`)
	w.must(t, http.StatusUnprocessableEntity, "POST", path, `{"name":""}`)
	w.must(t, http.StatusUnprocessableEntity, "POST", path, fmt.Sprintf(`{"name":%q}`, strings.Repeat("x", 64)))
	w.must(t, http.StatusUnprocessableEntity, "POST", path, `{"name":"a\u0000b"}`)

	w.must(t, http.StatusConflict, "DELETE", path+"/app", "") // owns a database
	w.must(t, http.StatusForbidden, "DELETE", path+"/postgres", "")
	w.must(t, http.StatusNotFound, "DELETE", path+"/nobody", "")
	if fields = w.must(t, http.StatusOK, "DELETE", path+"/first.last%2Fx", ""); fields["status"] != "dropped" || fields["name"] != "first.last/x" {
		t.Errorf("got %v", fields)
	}
	if got := w.Ended(); !slices.Equal(got, []string{"first.last/x@acme"}) {
		t.Errorf("sessions ended: %v", got)
	}
	// What Postgres has and the catalog has not is refused by Postgres.
	w.must(t, http.StatusConflict, "POST", path, fmt.Sprintf(`{"name":%q}`, apitest.OutsideRole))
}

func TestDatabases(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	path := "/v1/tenants/acme/databases"
	fields := w.must(t, http.StatusCreated, "POST", path, `{"name":"shop"}`)
	want := map[string]any{"name": "shop", "tenant": "acme", "owner": "app", "url": "postgres://app.acme@127.0.0.1:6432/shop"}
	if !maps.Equal(fields, want) {
		t.Errorf("got  %v\nwant %v", fields, want)
	}
	w.must(t, http.StatusConflict, "POST", path, `{"name":"shop"}`)
	w.must(t, http.StatusNotFound, "POST", path, `{"name":"other","owner":"nobody"}`)
	w.must(t, http.StatusForbidden, "POST", path, `{"name":"other","owner":"postgres"}`)
	w.must(t, http.StatusForbidden, "POST", path, `{"name":"template1"}`)
	if got := fmt.Sprint(w.must(t, http.StatusOK, "GET", path, "")["databases"]); got != "[map[name:app] map[name:shop]]" {
		t.Errorf("databases are %s", got)
	}
	w.must(t, http.StatusForbidden, "DELETE", path+"/postgres", "")
	w.must(t, http.StatusNotFound, "DELETE", path+"/nowhere", "")
	w.must(t, http.StatusOK, "DELETE", path+"/shop", "")
	if got := fmt.Sprint(w.must(t, http.StatusOK, "GET", path, "")["databases"]); got != "[map[name:app]]" {
		t.Errorf("databases are %s", got)
	}
}
