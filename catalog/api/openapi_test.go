package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	w := start(t)
	answer := w.do("GET", "/openapi.json", "")
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") {
		t.Errorf("openapi is %q", document.OpenAPI)
	}
	var operations []string
	for path, methods := range document.Paths {
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			operations = append(operations, strings.ToUpper(method)+" "+path)
			if o := methods[method]; o.OperationID == "" || o.Summary == "" || o.Responses["default"] == nil {
				t.Errorf("%s %s is not described: %+v", method, path, o)
			}
		}
	}
	slices.Sort(operations)
	want := strings.Split(strings.TrimSpace(`
DELETE /v1/tenants/{id}
DELETE /v1/tenants/{id}/databases/{database}
DELETE /v1/tenants/{id}/roles/{role}
GET /v1/operations/{id}
GET /v1/tenants
GET /v1/tenants/{id}
GET /v1/tenants/{id}/databases
GET /v1/tenants/{id}/logs
GET /v1/tenants/{id}/roles
PATCH /v1/tenants/{id}
POST /v1/tenants
POST /v1/tenants/{id}/databases
POST /v1/tenants/{id}/databases/{database}/extensions
POST /v1/tenants/{id}/move
POST /v1/tenants/{id}/pause
POST /v1/tenants/{id}/reset-password
POST /v1/tenants/{id}/resume
POST /v1/tenants/{id}/roles
POST /v1/tenants/{id}/suspend
POST /v1/tenants/{id}/undelete
POST /v1/tenants/{id}/wake
`), "\n")
	if !slices.Equal(operations, want) {
		t.Errorf("operations are\n%s\nwant\n%s", strings.Join(operations, "\n"), strings.Join(want, "\n"))
	}
	if text := answer.Body.String(); strings.Contains(text, `"$schema"`) {
		t.Error("answers would carry $schema")
	}
}
