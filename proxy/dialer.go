package proxy

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"time"
	"unique"

	"postern/catalog"
	"postern/proxy/auth"
	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/proxy/wire"
	"postern/wake"
)

// dialer makes server connections for one session and, in transaction mode, for
// the pool that the session draws from. It has nothing of the session's that
// could end before a dial does.
type dialer struct {
	server *Server
	tenant *catalog.Tenant // as it was at login
	login  pool.Login
	looped bool  // the session is on the event loop
	kept   *kept // of a session in session mode
	// disregarded: its session does not wake the tenant.
	disregarded bool
}

// newDialer returns the dialer of s, which has authenticated. A connection that
// others will use, too, does not begin with the session's application_name.
func newDialer(s *session) *dialer {
	settings := s.identity.Settings
	if s.pools() {
		settings = s.greeting().Settings
	}
	return &dialer{
		looped:      s.looped(),
		kept:        s.kept,
		disregarded: s.disregarded(),
		server:      s.server,
		tenant:      s.tenant,
		login: pool.Login{
			Role: s.identity.Role, Database: s.identity.Database, Settings: settings,
			Replication: s.identity.Replication,
			Keys:        auth.LoginKeys{ClientKey: bytes.Clone(s.keys.ClientKey), Verifier: s.keys.Verifier},
		},
	}
}

// current returns the tenant's record as it is now, if it still takes clients.
func (d *dialer) current(ctx context.Context) (*catalog.Tenant, error) {
	t, err := d.server.config.Catalog.Lookup(ctx, d.tenant.ID)
	switch {
	case err != nil && !errors.Is(err, catalog.ErrNotFound):
		return d.tenant, nil // known tenants go on while the catalog is away
	case err != nil || t.UID != d.tenant.UID:
		return nil, admissible(&catalog.Tenant{State: catalog.Deleting})
	}
	return t, admissible(t)
}

// errWakeTimeout is the cause of the end of a wait for the tenant.
var errWakeTimeout = errors.New("wake.timeout has passed")

// ready wakes the tenant if need be, unless its session does not.
func (d *dialer) ready(ctx context.Context) (wake.Endpoint, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.server.settings().WakeTimeout, errWakeTimeout)
	defer cancel()
	t, err := d.current(ctx)
	if err != nil {
		return wake.Endpoint{}, err
	}
	if d.disregarded {
		endpoint, awake := d.server.config.Gate.Awake(t.ID)
		if !awake {
			return wake.Endpoint{}, errAsleep
		}
		return endpoint, nil
	}
	endpoint, err := d.server.config.Gate.Ready(ctx, t)
	if err != nil {
		return wake.Endpoint{}, unready(err)
	}
	return endpoint, nil
}

// connect wakes the tenant if need be and logs in at its Postgres. An instance
// that is just stopping or starting is tried again: not a byte of a client's was
// sent. It is a pool.ConnectFunc.
func (d *dialer) connect(ctx context.Context) (*pool.Server, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.server.settings().WakeTimeout, errWakeTimeout)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		endpoint, err := d.ready(ctx)
		if err != nil {
			return nil, err
		}
		server, err := d.dial(ctx, endpoint)
		if err == nil {
			m := newMemory(server)
			m.number, m.tenant, m.made = d.server.numbers.Add(1), string(d.tenant.ID), time.Now()
			server.Memory = m
			if d.kept != nil {
				m.kept, server.Affinity = true, d.kept.own
			}
			return server, nil
		}
		if !safeToRetry(err) || pause > time.Second || !sleep(ctx, pause) {
			return nil, err
		}
	}
}

func (d *dialer) dial(ctx context.Context, endpoint wake.Endpoint) (*pool.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, d.server.settings().ConnectTimeout)
	defer cancel()
	target := pool.Target{Network: endpoint.Network, Address: endpoint.Address, TLS: endpoint.TLS}
	if d.server.config.Loop != nil {
		target.Wrap = engine.Wrap
	}
	login := d.login
	login.Role, login.Database = endpoint.Share.Role(login.Role), endpoint.Share.Database(login.Database)
	server, err := pool.Connect(ctx, target, login)
	return server, inClientsNames(err, d.login, login)
}

func safeToRetry(err error) bool {
	var unreachable *pool.UnreachableError
	var refused *pool.RefusedError
	return errors.As(err, &unreachable) || errors.As(err, &refused) && refused.SafeToRetry()
}

// sleep waits for d and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// memory is what a server connection's pool.Server.Memory is: it is read and
// written by the session that has the connection alone.
type memory struct {
	// number, tenant and made are for the console, and never change.
	number uint64
	tenant string
	made   time.Time

	relay relay.Server
	// parameters is what the server reports without anybody's settings, and base
	// the same as one comparable value.
	parameters map[string]string
	base       base
	// user is the number of the session that had the connection last, 0 if none has yet.
	user uint64
	kept bool // it is for sessions in session mode
}

// base is what a server reports at login, without application_name.
type base = unique.Handle[string]

func newMemory(server *pool.Server) *memory {
	m := &memory{}
	m.relay.Own = relay.NewSettings(map[string]string{applicationName: ""})
	m.relay.Reset()
	m.setParameters(maps.Clone(server.Parameters))
	return m
}

func (m *memory) setParameters(parameters map[string]string) {
	m.parameters = parameters
	m.base = baseOf(parameters)
}

func baseOf(parameters map[string]string) base {
	return unique.Make(string(appendParameters(nil, withApplicationName(parameters, ""))))
}

// heard notes what the server said while the connection was idle.
func (m *memory) heard(said []byte) {
	parameters := maps.Clone(m.parameters)
	readStatus(parameters, said)
	m.setParameters(parameters)
}

// readStatus takes each ParameterStatus in what a server has said.
func readStatus(parameters map[string]string, said []byte) {
	for len(said) > 0 {
		header, ok, err := wire.ParseHeader(said)
		if err != nil || !ok || header.Length > len(said) {
			break
		}
		if header.Type == wire.MsgParameterStatus {
			if name, value, ok := bytes.Cut(said[wire.HeaderSize:header.Length], []byte{0}); ok {
				parameters[string(name)] = string(bytes.TrimSuffix(value, []byte{0}))
			}
		}
		said = said[header.Length:]
	}
}
