package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestMoveTenant(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, http.StatusCreated, "POST", "/v1/tenants", `{"id":"acme"}`)
	path := "/v1/tenants/acme"
	if moved := w.must(t, http.StatusOK, "POST", path+"/move", `{"driver":"process"}`); moved["status"] != "already_awake" {
		t.Errorf("where it is: %v", moved)
	}
	w.Driver.Busy("a session")
	if refused := w.must(t, http.StatusConflict, "POST", path+"/move", `{"driver":"database"}`); !strings.Contains(refused["detail"].(string), "a session") {
		t.Errorf("busy: %v", refused)
	}
	w.Driver.Busy()
	if moved := w.must(t, http.StatusOK, "POST", path+"/move", `{"driver":"database","timeout":"1m"}`); moved["status"] != "awake" || moved["driver"] != "database" {
		t.Errorf("moved: %v", moved)
	}
	for body, status := range map[string]int{
		`{"driver":"none"}`:                        http.StatusUnprocessableEntity,
		`{"driver":"process","timeout":"a while"}`: http.StatusUnprocessableEntity,
		`{}`: http.StatusUnprocessableEntity,
	} {
		w.must(t, status, "POST", path+"/move", body)
	}
	w.must(t, http.StatusNotFound, "POST", "/v1/tenants/nobody/move", `{"driver":"process"}`)
	w.must(t, http.StatusOK, "POST", path+"/pause", "")
	w.must(t, http.StatusConflict, "POST", path+"/move", `{"driver":"process"}`)
	w.must(t, http.StatusOK, "POST", path+"/resume", "")
	w.must(t, http.StatusOK, "DELETE", path, "")
	w.must(t, http.StatusConflict, "POST", path+"/move", `{"driver":"process"}`)
}
