package api_test

import (
	"net/http"
	"testing"
)

func TestCreateExtension(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.do(http.MethodPost, "/v1/tenants", `{"id":"acme"}`)
	for _, test := range []struct {
		path, body string
		status     int
	}{
		{"/v1/tenants/acme/databases/app/extensions", `{"name":"vector"}`, http.StatusCreated},
		{"/v1/tenants/acme/databases/app/extensions", `{"name":"plpython3u"}`, http.StatusForbidden},
		{"/v1/tenants/acme/databases/nowhere/extensions", `{"name":"vector"}`, http.StatusNotFound},
		{"/v1/tenants/nobody/databases/app/extensions", `{"name":"vector"}`, http.StatusNotFound},
		{"/v1/tenants/acme/databases/app/extensions", `{}`, http.StatusUnprocessableEntity},
	} {
		if got := w.do(http.MethodPost, test.path, test.body).Code; got != test.status {
			t.Errorf("%s %s: status %d, want %d", test.path, test.body, got, test.status)
		}
	}
}
