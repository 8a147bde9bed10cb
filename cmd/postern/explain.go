package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"postern/catalog"
	"postern/catalog/api"
	"postern/catalog/api/client"
	"postern/configs"
	"postern/router"
	"postern/wake/process"
)

// domainOfDev is the domain below which dev's tenants have their names.
const domainOfDev = "db.localhost"

// clientOnly are parameters of libpq that pgconn takes for settings of the
// server; libpq keeps them to itself.
var clientOnly = []string{
	"client_encoding", "fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "hostaddr",
	"keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts",
	"requirepeer", "requiressl", "sslcompression", "sslcrl", "sslcrldir", "sslkeylogfile",
	"ssl_max_protocol_version", "ssl_min_protocol_version", "tcp_user_timeout",
}

// explanation is how a DSN is read.
type explanation struct {
	Tenant   string        `json:"tenant"`
	Carrier  string        `json:"carrier"`
	Role     string        `json:"role"`
	Database string        `json:"database"`
	PoolMode string        `json:"pool_mode"`
	State    catalog.State `json:"state,omitempty"` // empty where no Postern was reached, or there is no such tenant
	Outcome  string        `json:"outcome"`
}

func newExplainCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain DSN",
		Short: "Print how a connection string is read and what would happen",
		Long: "Print which tenant a connection string names, by what (server name, host name,\n" +
			"options or user name), which role, database and pool mode it asks for, and what\n" +
			"would happen. Like libpq it takes what the DSN leaves out from the PG…\n" +
			"variables of the environment. Nothing is connected to but the running Postern,\n" +
			"to ask about the tenant; a sleeping tenant sleeps on.",
		Args: arguments("DSN"),
	}
	c := addConnection(a, cmd)
	file := cmd.Flags().String("config", "", "configuration `file` of the proxy (default: what dev uses)")
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		config, err := a.loadConfig(*file)
		if err != nil {
			return err
		}
		hello, err := parseDSN(args[0])
		if err != nil {
			return err
		}
		e, err := explain(cmd.Context(), a, c, config, hello)
		if err != nil {
			return err
		}
		return output.table(a.stdout, e, func(w io.Writer) {
			row(w, "tenant", e.Tenant)
			row(w, "carrier", e.Carrier)
			row(w, "role", e.Role)
			row(w, "database", e.Database)
			row(w, "pool mode", e.PoolMode)
			row(w, "state", e.State)
			row(w, "outcome", e.Outcome)
		})
	}
	return cmd
}

// parseDSN returns what a client would send for a DSN.
func parseDSN(dsn string) (router.Hello, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return router.Hello{}, usageErrorf("%w", err) // pgconn leaves the password out
	}
	hello := router.Hello{
		User:       config.User,
		Database:   config.Database,
		Parameters: config.RuntimeParams,
	}
	for _, name := range clientOnly {
		delete(hello.Parameters, name)
	}
	if config.TLSConfig != nil {
		hello.ServerName = config.TLSConfig.ServerName
	} else if len(config.Fallbacks) > 0 && config.Fallbacks[0].TLSConfig != nil { // sslmode=allow
		hello.ServerName = config.Fallbacks[0].TLSConfig.ServerName
	}
	return hello, nil
}

// explain reads hello as the proxy would and asks the running Postern, if there
// is one, about the tenant.
func explain(ctx context.Context, a *app, c *connection, config configs.Config, hello router.Hello) (*explanation, error) {
	domains := config.Router.Domains
	if len(domains) == 0 {
		domains = []string{domainOfDev}
	}
	identity, err := router.New(router.Config{
		Domains:   domains,
		Separator: config.Router.Separator,
		Hostnames: hostnames{c},
	}).Identify(ctx, hello)
	var refusal *router.Error
	if errors.As(err, &refusal) {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("FATAL 28000: %w", err), hint: refusal.Hint}
	} else if err != nil {
		return nil, err
	}
	e := &explanation{
		Tenant:   string(identity.Tenant),
		Carrier:  identity.Carrier,
		Role:     identity.Role,
		Database: identity.Database,
		PoolMode: identity.PoolMode,
	}
	tenant, roles, err := lookAt(ctx, c, e.Tenant)
	if e.PoolMode == "" && tenant != nil {
		e.PoolMode = tenant.PoolMode
	}
	if e.PoolMode == "" {
		e.PoolMode = config.Pool.PoolMode
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		fmt.Fprintf(a.stderr, "Nothing is known of the tenant: %v\n", err)
		e.Outcome = "unknown"
	case tenant == nil && config.Wake.ProvisionUnknown && e.Role == process.DefaultRole:
		e.Outcome = "made, for a client with the password of wake.provision_unknown_verifier"
	case tenant == nil:
		e.Outcome = "refused: there is no such tenant (28P01)"
	default:
		e.State = tenant.State
		e.Outcome = outcome(tenant.State, roles, e.Role)
	}
	return e, nil
}

// lookAt asks the running Postern for a tenant; nil means there is none.
func lookAt(ctx context.Context, c *connection, id string) (tenant *api.TenantDetail, roles *api.RoleList, err error) {
	tenant, err = ask(c, func(postern *client.Client) (*api.TenantDetail, error) { return postern.GetTenant(ctx, id) })
	if err == nil {
		roles, err = ask(c, func(postern *client.Client) (*api.RoleList, error) { return postern.ListRoles(ctx, id) })
	}
	var problem *api.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusNotFound {
		return nil, nil, nil
	}
	return tenant, roles, err
}

// outcome says what comes of a login with the right password.
func outcome(state catalog.State, roles *api.RoleList, role string) string {
	known := slices.ContainsFunc(roles.Roles, func(r api.Role) bool {
		return r.Name == role && r.CanLogin && r.HasPassword
	})
	switch {
	case state == catalog.Deleting:
		return "refused: the tenant is deleted (28P01)"
	case !known:
		return "refused: the tenant has no such role with a password (28P01)"
	}
	switch state {
	case catalog.Awake, catalog.Frozen: // from which it takes no time to come back
		return "connected at once"
	case catalog.Provisioning, catalog.Waking:
		return "connected as soon as the tenant is ready"
	case catalog.Paused:
		return "refused: the tenant is paused (57P03)"
	case catalog.Failed:
		return "refused: the tenant has failed (57P03)"
	}
	return "connected; the first query wakes the tenant"
}

// hostnames asks the running Postern for the owner of a custom host name. If
// none runs, nobody owns any. (router.Hostnames)
type hostnames struct{ connection *connection }

func (h hostnames) LookupHostname(ctx context.Context, hostname string) (*catalog.Tenant, error) {
	list, err := ask(h.connection, func(postern *client.Client) (*api.TenantList, error) {
		return postern.ListTenants(ctx, client.Selection{Hostname: hostname})
	})
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	if err != nil || len(list.Tenants) == 0 {
		return nil, catalog.ErrNotFound
	}
	return &catalog.Tenant{ID: catalog.TenantID(list.Tenants[0].ID)}, nil
}
