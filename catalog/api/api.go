package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"postern/catalog"
)

// Config is what the API needs.
type Config struct {
	// Store is the source of truth about tenants. Required.
	Store catalog.Store
	// Instances are the tenants' Postgres instances. Required.
	Instances Instances
	// Roles writes to the roles within an instance. Required.
	Roles Roles
	// Databases makes and drops databases within an instance. Required.
	Databases Databases
	// Mover moves tenants to other drivers. Default: that is not possible.
	Mover Mover
	// Sessions are the connected clients. Default: there are none.
	Sessions Sessions

	// Operations keeps the records of work that is not waited for, and Background does
	// such work beside the answers, under a context that ends when Postern does;
	// whoever gives it waits for what it has begun. Default: none of it has a record.
	Operations Operations
	Background func(work func(ctx context.Context))

	// NewCredential returns the SCRAM verifier for password, and the password
	// itself, a new random one where it was empty. Required.
	NewCredential func(password string) (verifier, pw string, err error)
	// URL returns the connection string for role and database of t, without a
	// password where that is empty. Required.
	URL func(t *catalog.Tenant, role, password, database string) string

	// Drivers are the drivers that a tenant may have, the default one first.
	// Default: "process".
	Drivers []string
	// AllowedExtensions are those that may be made on request
	// (wake.process.extensions). Default: none.
	AllowedExtensions []string
	// Region is where a tenant lives that names none. Default: "local".
	Region string
	// Timeout bounds every operation, besides the time that a suspend or a pause
	// waits for running work. Default: 2 minutes.
	Timeout time.Duration
	// Version is the version in the OpenAPI document. Default: "1".
	Version string
	// Log gets a line for each operation that changes something and for each
	// that failed unexpectedly. Default: slog.Default().
	Log *slog.Logger
}

// api is the handler's state: nothing but its configuration.
type api struct {
	Config
}

// New returns the handler for /v1 and /openapi.json. It starts no goroutine.
// Operations take as long as they take: the server that carries the handler
// must not set a WriteTimeout or ReadTimeout shorter than Config.Timeout.
func New(config Config) http.Handler {
	if config.Sessions == nil {
		config.Sessions = noSessions{}
	}
	if len(config.Drivers) == 0 {
		config.Drivers = []string{"process"}
	}
	if config.Region == "" {
		config.Region = "local"
	}
	if config.Timeout == 0 {
		config.Timeout = 2 * time.Minute
	}
	if config.Version == "" {
		config.Version = "1"
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	a := &api{config}

	mux := http.NewServeMux()
	settings := huma.DefaultConfig("Postern", config.Version)
	settings.Info.Description = "One Postgres per tenant behind one address: the control plane."
	settings.OpenAPIPath, settings.DocsPath, settings.SchemasPath = "", "", ""
	settings.CreateHooks = nil // no "$schema" in answers
	settings.RejectUnknownQueryParameters = true
	settings.Transformers = []huma.Transformer{plainProblem}
	router := humago.New(mux, settings)
	a.routes(router)
	serveOpenAPI(mux, router.OpenAPI())
	return problemsFor(mux)
}

// serveOpenAPI renders the document once, when every operation is in it.
func serveOpenAPI(mux *http.ServeMux, document *huma.OpenAPI) {
	body, err := document.MarshalJSON()
	if err != nil {
		panic(err) // the document is made of this package's own types
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(body)
	})
}

// noSessions is the absence of clients.
type noSessions struct{}

func (noSessions) EndTenant(catalog.TenantID)             {}
func (noSessions) EndRole(catalog.TenantID, string)       {}
func (noSessions) AwakeBecause(catalog.TenantID) []string { return nil }
