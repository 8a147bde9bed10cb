package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"postern/catalog"
)

// CreateTenant is what a new tenant is to be.
type CreateTenant struct {
	ID          string            `json:"id" doc:"Letters, digits and '-'; kept in lower case" example:"acme"`
	Driver      string            `json:"driver,omitempty" doc:"Which driver runs its Postgres"`
	Region      string            `json:"region,omitempty"`
	Hostnames   []string          `json:"hostnames,omitempty" doc:"Its own host names"`
	Labels      map[string]string `json:"labels,omitempty" doc:"The operator's, to select by"`
	Settings    map[string]string `json:"settings,omitempty" doc:"The application's own"`
	Postgres    map[string]string `json:"postgres,omitempty" doc:"Server settings of its Postgres"`
	PGVersion   int               `json:"pg_version,omitempty" minimum:"0" maximum:"99" doc:"The major version, 0 for the newest"`
	PoolMode    string            `json:"pool_mode,omitempty" enum:",session,transaction" doc:"Default: the proxy's"`
	IdleTimeout string            `json:"idle_timeout,omitempty" doc:"How long it may have no work before it is suspended, 0 for ever; default: the proxy's" example:"10m"`
	Backend     *Backend          `json:"backend,omitempty" doc:"Where its Postgres is, for a driver that runs none itself"`
	Password    string            `json:"password,omitempty" doc:"The password of role app, or its SCRAM-SHA-256 verifier; made up if absent"`
	NoWait      bool              `json:"no_wait,omitempty" doc:"Answer before its Postgres is ready"`
}

// Backend is the address of a Postgres that Postern does not run itself.
type Backend struct {
	Host     string `json:"host" minLength:"1" doc:"A name, an address, or the directory of a Unix socket"`
	Port     int    `json:"port,omitempty" minimum:"1" maximum:"65535" doc:"Default: 5432"`
	TLS      string `json:"tls,omitempty" enum:",disable,require,verify-ca,verify-full" doc:"A libpq sslmode"`
	RootCert string `json:"root_cert,omitempty" doc:"A file with the CA certificates to trust"`
}

func (b *Backend) record() catalog.Backend {
	if b == nil {
		return catalog.Backend{}
	}
	return catalog.Backend{Host: b.Host, Port: b.Port, TLS: b.TLS, RootCert: b.RootCert}
}

type createTenantInput struct {
	Body CreateTenant
}

type createTenantOutput struct {
	Status   int
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     Tenant
}

func (a *api) createTenant(ctx context.Context, in *createTenantInput) (*createTenantOutput, error) {
	t, err := a.newTenant(&in.Body)
	if err != nil {
		return nil, err
	}
	verifier, password, err := a.credential(in.Body.Password)
	if err != nil {
		return nil, err
	}
	t.Roles = map[string]catalog.Role{
		defaultRole: {Name: defaultRole, Verifier: verifier, CanLogin: true},
	}
	t, err = a.Store.Create(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("create tenant %s: %w", strings.ToLower(in.Body.ID), err)
	}
	a.Log.Info("tenant created", "tenant", t.ID, "driver", t.Driver)

	status, operation := http.StatusCreated, ""
	if in.Body.NoWait {
		if operation, err = a.createBeside(ctx, t); err != nil {
			return nil, err
		}
		status = http.StatusAccepted
	} else if _, err := a.Instances.Ready(ctx, t); err != nil {
		problem := newProblem(fmt.Errorf("tenant %s was filed but is not ready: %w", t.ID, err))
		if problem.Hint == "" {
			problem.Hint = "Wake it to try again, or delete and purge it."
		}
		return nil, problem
	} else {
		t = a.awake(ctx, t)
	}
	made := a.brief(t, password)
	made.Operation = operation
	return &createTenantOutput{
		Status:   status,
		Location: "/v1/tenants/" + string(t.ID),
		ETag:     etag(t),
		Body:     made,
	}, nil
}

// createBeside makes t's Postgres beside the answer, and returns the operation that
// tells of it, if it has one.
func (a *api) createBeside(ctx context.Context, t *catalog.Tenant) (operation string, err error) {
	ready := func(ctx context.Context) error {
		_, err := a.Instances.Ready(ctx, t)
		return err
	}
	operation, err = a.operate(ctx, t, "create", ready)
	if operation == "" && err == nil {
		// Whoever gives up leaves the start going on: so give up at once.
		gone, cancel := context.WithCancel(ctx)
		cancel()
		_ = ready(gone)
	}
	return operation, err
}

// newTenant checks what was asked for and returns the record to file.
func (a *api) newTenant(in *CreateTenant) (*catalog.Tenant, error) {
	id, err := catalog.ParseTenantID(in.ID)
	if err != nil {
		return nil, problemf(http.StatusUnprocessableEntity, "%v", err)
	}
	if _, err := checkIdleTimeout(in.IdleTimeout); err != nil {
		return nil, err
	}
	t := &catalog.Tenant{
		ID:          id,
		State:       catalog.Provisioning,
		Driver:      in.Driver,
		Region:      in.Region,
		Labels:      in.Labels,
		Settings:    in.Settings,
		Postgres:    in.Postgres,
		PGVersion:   in.PGVersion,
		PoolMode:    in.PoolMode,
		IdleTimeout: in.IdleTimeout,
		Backend:     in.Backend.record(),
		Databases:   []string{defaultDatabase},
	}
	if t.Driver == "" {
		t.Driver = a.Drivers[0]
	}
	if t.Region == "" {
		t.Region = a.Region
	}
	if !slices.Contains(a.Drivers, t.Driver) {
		return nil, problemf(http.StatusUnprocessableEntity, "there is no driver %q", t.Driver).
			hint("Drivers: %s.", strings.Join(a.Drivers, ", "))
	}
	if t.Hostnames, err = checkHostnames(in.Hostnames); err != nil {
		return nil, err
	}
	return t, checkMaps(t)
}

func checkMaps(t *catalog.Tenant) error {
	return cmp.Or(
		checkKeys("label", t.Labels),
		checkKeys("setting", t.Settings),
		checkPostgres(t.Postgres),
	)
}

// credential makes the verifier for a password that was given or is to be made
// up. What begins like a verifier is one, as in CREATE ROLE … PASSWORD; then no
// password is known.
func (a *api) credential(given string) (verifier, password string, err error) {
	if strings.HasPrefix(given, "SCRAM-SHA-256$") {
		if !verifierPattern.MatchString(given) {
			return "", "", problemf(http.StatusUnprocessableEntity, "the verifier is malformed")
		}
		return given, "", nil
	}
	verifier, password, err = a.NewCredential(given)
	if err != nil {
		return "", "", problemf(http.StatusUnprocessableEntity, "password cannot be used: %v", err)
	}
	return verifier, password, nil
}
