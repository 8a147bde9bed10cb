package api_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
	"postern/wake"
)

// What is not waited for can be looked up, and tells what came of it.
func TestOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, end := inBubble()
		defer end()
		create := func(id string) (path string) {
			t.Helper()
			fields := w.must(t, http.StatusAccepted, "POST", "/v1/tenants", `{"id":"`+id+`","no_wait":true}`)
			operation, _ := fields["operation"].(string)
			return "/v1/operations/" + operation
		}
		want := func(path, state, failure string) {
			t.Helper()
			synctest.Wait()
			fields := w.must(t, http.StatusOK, "GET", path, "")
			found, _ := fields["failure"].(string)
			if fields["state"] != state || fields["kind"] != "create" || (failure == "") != (found == "") || !strings.Contains(found, failure) {
				t.Errorf("want %s %q, got %v", state, failure, fields)
			}
		}
		want(create("good"), "finished", "")
		w.Driver.Fail(&wake.FailedError{Reason: "initdb failed"})
		want(create("bad"), "failed", "initdb failed")

		broken := catalog.NewOperation("acme", "create", time.Now(), time.Minute)
		if err := w.Store.FileOperation(t.Context(), broken); err != nil {
			t.Fatal(err)
		}
		want("/v1/operations/"+broken.ID, "scheduling", "")
		time.Sleep(time.Minute + 1) // its Postern was killed
		want("/v1/operations/"+broken.ID, "failed", "broken off")

		w.must(t, http.StatusNotFound, "GET", "/v1/operations/0123456789abcdef0123456789abcdef", "")
		w.must(t, http.StatusNotFound, "GET", "/v1/operations/x", "")
		if fields := w.must(t, http.StatusOK, "GET", "/v1/tenants/good", ""); fields["operation"] != nil {
			t.Errorf("it is shown later: %v", fields["operation"])
		}
	})
}
