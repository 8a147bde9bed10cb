package apitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/catalog"
	"postern/catalog/api"
	"postern/catalog/memstore"
	"postern/wake"
)

// MadeUp is the password of every role that was given none.
const MadeUp = "made-up-secret"

// World is the API with everything around it.
type World struct {
	Store   *memstore.Store
	Driver  *Driver
	Handler http.Handler

	mu    sync.Mutex
	ended []string     // under mu
	log   bytes.Buffer // under mu
}

// Start returns a World that ends with the test.
func Start(t testing.TB) *World {
	t.Helper()
	w, end := New()
	t.Cleanup(end)
	return w
}

// New returns a World, and what ends it: a test in a synctest bubble calls that
// before it returns.
func New() (w *World, end func()) {
	w = &World{Store: memstore.New(), Driver: &Driver{instances: make(map[string]*instance)}}
	log := slog.New(slog.NewTextHandler(logWriter{w}, nil))
	gate := wake.NewGate(wake.GateConfig{
		Store:   w.Store,
		Drivers: map[string]wake.Driver{"process": w.Driver, "database": w.Driver},
		Log:     log,
	})
	life, cancel := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	super := &superuser{gate: gate, driver: w.Driver}
	w.Handler = api.New(api.Config{
		Store:     w.Store,
		Instances: gate,
		Roles:     super,
		Databases: super,
		Mover:     mover{w},
		Drivers:   []string{"process", "database"},

		Operations: w.Store,
		Background: func(work func(context.Context)) { beside.Go(func() { work(life) }) },

		AllowedExtensions: []string{"vector"},
		Sessions:          sessions{w},
		NewCredential:     newCredential,
		URL:               url,
		Log:               log,
	})
	return w, func() {
		cancel()
		beside.Wait()
		gate.Close()
	}
}

// Ended returns whose sessions were ended: role@tenant, with * for every role.
func (w *World) Ended() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ended)
}

// Log returns what was logged.
func (w *World) Log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// newCredential makes what looks like a verifier and tells the password.
func newCredential(password string) (verifier, pw string, err error) {
	if password == "" {
		password = MadeUp
	}
	if strings.Contains(password, "\x01") {
		return "", "", errors.New("it holds a control character")
	}
	return "SCRAM-SHA-256$verifier-of:" + password, password, nil
}

func url(t *catalog.Tenant, role, password, database string) string {
	if password != "" {
		password = ":" + password
	}
	return fmt.Sprintf("postgres://%s.%s%s@127.0.0.1:6432/%s", role, t.ID, password, database)
}

// sessions notes whose sessions are ended. (api.Sessions)
type sessions struct{ world *World }

func (s sessions) EndTenant(id catalog.TenantID) { s.EndRole(id, "*") }

func (s sessions) EndRole(id catalog.TenantID, role string) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.ended = append(s.world.ended, role+"@"+string(id))
}

func (s sessions) AwakeBecause(catalog.TenantID) []string { return []string{"session 7: a statement"} }

// logWriter keeps the log of a World.
type logWriter struct{ world *World }

func (l logWriter) Write(b []byte) (int, error) {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	return l.world.log.Write(b)
}
