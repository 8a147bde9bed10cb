package admin

import (
	"context"
	"strconv"
	"strings"

	"postern/proxy/wire"
)

// command is one thing to tell the console.
type command struct {
	keyword string
	// usage is what follows the keyword in SHOW HELP.
	usage string
	// anyone may do it, not admins alone.
	anyone bool
	// unlisted in SHOW HELP: drivers send it, not people.
	unlisted bool
	// plan reads what follows the keyword.
	plan func(s *Session, arguments statement) (*plan, error)
}

// commands are all of them.
func commands() []command {
	return []command{
		{keyword: "SHOW", usage: viewNames(), anyone: true, plan: (*Session).planShow},
		{keyword: "PAUSE", usage: "[<tenant>]", plan: onTenantOrAll("PAUSE", func(ctx context.Context, c Config, tenant string) error {
			if c.Traffic == nil {
				return notHere()
			}
			return c.Traffic.Pause(ctx, tenant)
		})},
		{keyword: "RESUME", usage: "[<tenant>]", plan: onTenantOrAll("RESUME", func(ctx context.Context, c Config, tenant string) error {
			if c.Traffic == nil {
				return notHere()
			}
			return c.Traffic.Resume(ctx, tenant)
		})},
		{keyword: "KILL", usage: "[<tenant>]", plan: onTenantOrAll("KILL", func(ctx context.Context, c Config, tenant string) error {
			if c.Sessions == nil {
				return notHere()
			}
			return c.Sessions.Kill(ctx, tenant)
		})},
		{keyword: "KILL_CLIENT", usage: "<id>", plan: (*Session).planKillClient},
		{keyword: "RECONNECT", usage: "[<tenant>]", plan: onTenantOrAll("RECONNECT", func(ctx context.Context, c Config, tenant string) error {
			if c.Servers == nil {
				return notHere()
			}
			return c.Servers.Reconnect(ctx, tenant)
		})},
		{keyword: "WAIT_CLOSE", usage: "[<tenant>]", plan: onTenantOrAll("WAIT_CLOSE", func(ctx context.Context, c Config, tenant string) error {
			if c.Servers == nil {
				return notHere()
			}
			return c.Servers.WaitClose(ctx, tenant)
		})},
		{keyword: "WAKE", usage: "<tenant>", plan: onTenant("WAKE", func(ctx context.Context, c Config, tenant string) error {
			if c.Instances == nil {
				return notHere()
			}
			return c.Instances.Wake(ctx, tenant)
		})},
		{keyword: "SUSPEND", usage: "<tenant>", plan: onTenant("SUSPEND", func(ctx context.Context, c Config, tenant string) error {
			if c.Instances == nil {
				return notHere()
			}
			return c.Instances.Suspend(ctx, tenant)
		})},
		{keyword: "RELOAD", plan: (*Session).planReload},
		{keyword: "SHUTDOWN", usage: "[WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]", plan: (*Session).planShutdown},

		{keyword: "ENABLE", unlisted: true, plan: unsupported("ENABLE", "Use 'postern tenant resume', which holds for every proxy.")},
		{keyword: "DISABLE", unlisted: true, plan: unsupported("DISABLE", "Use 'postern tenant pause', which holds for every proxy.")},
		{keyword: "SET", unlisted: true, anyone: true, plan: (*Session).planSet},
		{keyword: "SELECT", unlisted: true, anyone: true, plan: (*Session).planSelect},
		{keyword: "DISCARD", unlisted: true, anyone: true, plan: (*Session).planDiscard},
		{keyword: "BEGIN", unlisted: true, anyone: true, plan: unsupported("BEGIN", "The console has no transactions; turn autocommit on.")},
	}
}

// action does a command to a tenant.
type action func(ctx context.Context, c Config, tenant string) error

// onTenant plans a command that needs a tenant.
func onTenant(keyword string, do action) func(*Session, statement) (*plan, error) {
	return func(s *Session, arguments statement) (*plan, error) {
		if len(arguments) == 0 {
			return nil, syntaxError("%s needs a tenant", keyword)
		}
		return onTenantOrAll(keyword, do)(s, arguments)
	}
}

// onTenantOrAll plans one that may do without: for all tenants.
func onTenantOrAll(keyword string, do action) func(*Session, statement) (*plan, error) {
	return func(s *Session, arguments statement) (*plan, error) {
		if len(arguments) > 1 {
			return nil, syntaxError("%s takes one tenant, not %q", keyword, shorten(arguments.String()))
		}
		var tenant string
		if len(arguments) == 1 {
			if tenant = strings.ToLower(arguments[0].text); tenant == "" {
				return nil, syntaxError("%s takes a tenant, not an empty name", keyword)
			}
		}
		return s.doing(keyword, arguments, func(ctx context.Context) error { return do(ctx, s.console.config, tenant) }), nil
	}
}

// doing returns the plan of a command without rows, which is logged.
func (s *Session) doing(keyword string, arguments statement, do func(ctx context.Context) error) *plan {
	return &plan{tag: keyword, run: func(ctx context.Context) ([]row, error) {
		log := s.console.config.Log.With("user", s.login.User, "command", keyword, "argument", shorten(arguments.String()))
		err := do(ctx)
		if err != nil {
			log.Warn("console command failed", "error", err)
			return nil, err
		}
		log.Info("console command")
		return nil, nil
	}}
}

func (s *Session) planKillClient(arguments statement) (*plan, error) {
	if len(arguments) != 1 {
		return nil, syntaxError("KILL_CLIENT needs the id of a client")
	}
	id, err := strconv.ParseUint(arguments[0].text, 10, 64)
	if err != nil {
		return nil, syntaxError("%q is not the id of a client", shorten(arguments[0].text))
	}
	return s.doing("KILL_CLIENT", arguments, func(ctx context.Context) error {
		if s.console.config.Sessions == nil {
			return notHere()
		}
		return s.console.config.Sessions.KillClient(ctx, id)
	}), nil
}

func (s *Session) planReload(arguments statement) (*plan, error) {
	if len(arguments) > 0 {
		return nil, syntaxError("RELOAD takes no argument")
	}
	return s.doing("RELOAD", nil, func(ctx context.Context) error {
		if s.console.config.Process == nil {
			return notHere()
		}
		return s.console.config.Process.Reload(ctx)
	}), nil
}

func (s *Session) planShutdown(arguments statement) (*plan, error) {
	mode := Immediately
	switch {
	case len(arguments) == 0:
	case len(arguments) == 1 && arguments[0].is("WAIT_FOR_SERVERS"):
		mode = WaitForServers
	case len(arguments) == 1 && arguments[0].is("WAIT_FOR_CLIENTS"):
		mode = WaitForClients
	default:
		return nil, syntaxError("SHUTDOWN knows WAIT_FOR_SERVERS and WAIT_FOR_CLIENTS, not %q", shorten(arguments.String()))
	}
	return s.doing("SHUTDOWN", arguments, func(ctx context.Context) error {
		if s.console.config.Process == nil {
			return notHere()
		}
		return s.console.config.Process.Shutdown(ctx, mode)
	}), nil
}

func notPermitted(keyword string) *wire.Error {
	return &wire.Error{
		Code:    wire.InsufficientPrivilege,
		Message: keyword + " is for admin users",
		Hint:    "You are one of auth.stats_users, who may use SHOW.",
		Kind:    "console_not_permitted",
	}
}

// unsupported plans a command that PgBouncer has.
func unsupported(name, hint string) func(*Session, statement) (*plan, error) {
	return func(*Session, statement) (*plan, error) { return nil, notSupported(name, hint) }
}

func notSupported(name, hint string) *wire.Error {
	return &wire.Error{Code: wire.FeatureNotSupported, Message: name + " is not supported", Hint: hint, Kind: "console"}
}
