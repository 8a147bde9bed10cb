package api

import (
	"encoding/json"
	"net/http"
	"reflect"
)

var problemType = reflect.TypeFor[Problem]()

// problemsFor lets mux serve what it has a route for and answers the rest, which
// it would answer in plain text, with a Problem.
func problemsFor(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := &refusal{header: w.Header(), status: http.StatusOK}
		refuse.ServeHTTP(refusal, r)
		problem := problemf(refusal.status, "no operation %s %s", r.Method, r.URL.Path)
		w.Header().Set("Content-Type", problem.ContentType(""))
		w.WriteHeader(problem.Status)
		_ = json.NewEncoder(w).Encode(problem)
	})
}

// refusal keeps the header (Allow) and the status of an answer and drops its text.
type refusal struct {
	header http.Header
	status int
}

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) WriteHeader(status int)      { r.status = status }
func (r *refusal) Write(b []byte) (int, error) { return len(b), nil }
