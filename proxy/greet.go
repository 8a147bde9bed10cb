package proxy

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/catalog"
	"postern/proxy/engine"
	"postern/proxy/wire"
	"postern/router"
)

// applicationName is left out of what makes two logins the same: every tool has
// another, and PostgreSQL accepts them all.
const applicationName = "application_name"

// greet answers the login as the tenant's Postgres would: by asking it if it is
// awake, and from memory if it sleeps and this very login has succeeded since
// the tenant last changed. Only where memory does not reach is it woken.
func (s *session) greet() error {
	s.enter(greeting)
	s.unsent = mustEncode(s.unsent, &pgproto3.AuthenticationOk{})
	switch {
	case s.pools():
		s.pooled = &pooled{}
	case s.identity.Replication == "":
		s.kept = newKept(s)
	}
	s.openAccount()
	conversation := s.newConversation()
	var b []byte
	var err error
	if s.pooled != nil {
		b, err = s.greetPooled()
	} else {
		b, err = s.greetAlone(conversation)
	}
	if err != nil {
		return err
	}
	s.key = s.server.cancels.add(s)
	b = mustEncode(append(s.takeUnsent(), b...), &pgproto3.BackendKeyData{ProcessID: s.key.pid, SecretKey: s.key.secret})
	b = mustEncode(b, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	if _, err := s.conn.Write(b); err != nil {
		s.server.cancels.remove(s.key)
		return err
	}
	return s.begin(conversation)
}

// poolMode is router.Session or router.Transaction.
func (s *session) poolMode() string {
	if s.identity.Replication != "" {
		return router.Session
	}
	return cmp.Or(s.identity.PoolMode, s.tenant.PoolMode, s.defaultMode)
}

// pools reports whether the session is in transaction mode.
func (s *session) pools() bool { return s.poolMode() == router.Transaction }

// greetAlone returns what a client in session mode is told of its server. While
// the tenant is awake it gets its server connection at once.
func (s *session) greetAlone(conversation conversation) ([]byte, error) {
	if _, awake := s.server.config.Gate.Awake(s.tenant.ID); !awake {
		if s.welcome != nil {
			return s.welcome.said, nil
		}
	}
	if s.kept != nil {
		return s.greetKept(conversation)
	}
	backend, err := s.connectAlone(s.ctx)
	if err != nil {
		return nil, err
	}
	s.attached(backend)
	conversation.Attach(engine.Peer{Conn: backend, Ahead: backend.Early})
	s.remember(s.greeting(), backend.Parameters)
	return backend.Said, nil
}

// greetPooled returns what a client in transaction mode is told of its server.
func (s *session) greetPooled() ([]byte, error) {
	p := s.pooled
	if w := s.welcome; w != nil {
		p.told, p.parameters = w.base, w.parameters
		s.server.config.Roles.Suspect(s.tenant.ID) // no server has looked at the role
		return w.said, nil
	}
	peer, err := s.borrow(s.ctx, s.own)
	if err != nil {
		return nil, err
	}
	defer s.Release(peer, engine.Return{Status: 'I'})
	s.remember(s.greeting(), p.parameters)
	name := s.identity.Settings[applicationName]
	if !plainName(name) { // the server has its own way of writing it
		answer, err := s.Ask(s.ctx, peer, "SELECT pg_catalog.current_setting('application_name')", nil)
		if err != nil {
			return nil, s.connectFailure(err)
		}
		name = *answer.Rows[0][0]
	}
	return append(appendParameters(nil, withApplicationName(p.parameters, name)), peer.Ahead...), nil
}

// begin makes the conversation the session's, unless it was told to end
// meanwhile.
func (s *session) begin(conversation conversation) error {
	s.shareAccount()
	s.mu.Lock()
	s.conversation = conversation
	err := s.ending
	s.mu.Unlock()
	if err == nil && !s.server.join(s) {
		err = errDrained
	}
	if err != nil {
		s.server.cancels.remove(s.key)
		return err
	}
	s.server.config.Metrics.Logins.WithLabelValues("ok").Inc()
	s.counter.Logins.Add(1)
	return nil
}

// greeting returns this login, without what the server said to it.
func (s *session) greeting() catalog.Greeting {
	settings := maps.Clone(s.identity.Settings)
	delete(settings, applicationName)
	return catalog.Greeting{Role: s.identity.Role, Database: s.identity.Database, Settings: settings}
}

// remember files what the server said to a login, if that is news.
func (s *session) remember(g catalog.Greeting, parameters map[string]string) {
	if known, ok := s.tenant.Greetings[g.Key()]; s.identity.Replication != "" ||
		ok && maps.Equal(withApplicationName(known.Parameters, parameters[applicationName]), parameters) {
		return
	}
	g.Parameters = withApplicationName(parameters, "")
	t := s.tenant
	s.server.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(s.server.life, 10*time.Second)
		defer cancel()
		if err := s.server.config.Greetings.Remember(ctx, t.ID, t.Version, g); err != nil {
			s.log().Debug("cannot remember the greeting", "error", err)
			return
		}
		s.server.config.Catalog.Invalidate(t.ID)
	})
}

// forget drops what is remembered of the tenant's logins.
func (s *session) forget(ctx context.Context) {
	if err := s.server.config.Greetings.Forget(ctx, s.tenant.ID); err != nil {
		s.log().Warn("cannot forget greetings", "tenant", s.tenant.ID, "error", err)
	}
	s.server.config.Catalog.Invalidate(s.tenant.ID)
}

// withApplicationName returns parameters with another application_name.
func withApplicationName(parameters map[string]string, name string) map[string]string {
	changed := maps.Clone(parameters)
	if changed != nil {
		changed[applicationName] = name
	}
	return changed
}

// plainName reports whether PostgreSQL reports an application_name as it came:
// it shortens long ones and rewrites what is not ASCII.
func plainName(name string) bool {
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(name) < 64
}

// validName returns an application_name that can be set by a statement, which
// must be text: what is not is replaced as PostgreSQL itself did before 16.
func validName(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	b := []byte(name)
	for i := range b {
		if b[i] >= utf8.RuneSelf {
			b[i] = '?'
		}
	}
	return string(b)
}

// appendParameters appends a ParameterStatus for each, in the order of names.
func appendParameters(b []byte, parameters map[string]string) []byte {
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		b = mustEncode(b, &pgproto3.ParameterStatus{Name: name, Value: parameters[name]})
	}
	return b
}

// mustEncode appends a message that is small and well-formed by construction.
func mustEncode(b []byte, m pgproto3.BackendMessage) []byte {
	b, err := m.Encode(b)
	if err != nil {
		panic(err)
	}
	return b
}

// keySize is how long a cancel key's secret is in the client's protocol.
func (s *session) keySize() int {
	if version, _ := wire.NegotiatedVersion(s.opening.Startup.Version); version >= wire.Version32 {
		return longSecret
	}
	return shortSecret
}
