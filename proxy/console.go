package proxy

import (
	"errors"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/admin"
	"postern/proxy/auth"
	"postern/proxy/wire"
	"postern/router"
)

// Console leads clients to package admin: those that name no tenant and ask for
// the database "postern", or "pgbouncer" as scripts do. Its users are its own, and
// no tenant's (Settings.AdminUsers, StatsUsers). It is open to them whatever the
// state of catalog and tenants, and however many clients there are.
type Console struct {
	// Admin answers the commands. Required.
	Admin *admin.Console

	mu   sync.Mutex
	open map[*session]*admin.Session // under mu: sessions that have been greeted
}

// consoleDatabases are the names of the console's database.
var consoleDatabases = [...]string{"postern", "pgbouncer"}

// maxConsoles bounds the sessions of the console.
const maxConsoles = 64

// takes reports whether s asks for the console; unidentified is why it was not
// led to a tenant. A nil Console takes nobody.
func (c *Console) takes(s *session, unidentified error) bool {
	var unclear *wire.Error
	if c == nil {
		return false
	}
	users := s.server.settings()
	return len(users.AdminUsers)+len(users.StatsUsers) > 0 &&
		errors.As(unidentified, &unclear) && unclear.Kind == router.NoTenant &&
		slices.Contains(consoleDatabases[:], s.identity.Database)
}

// serve logs s in and runs its session of the console. It calls welcome between
// the two.
func (c *Console) serve(s *session, welcome func()) {
	login, err := c.authenticate(s)
	if err != nil {
		s.fail(err)
		return
	}
	session := c.Admin.Session(s.conn, login)
	if err := c.enter(s, session); err != nil {
		s.fail(err)
		return
	}
	defer c.leave(s)
	s.key = s.server.cancels.add(s)
	defer s.server.cancels.remove(s.key)
	if err := c.greet(s, login); err != nil {
		s.fail(err)
		return
	}
	s.server.config.Metrics.Logins.WithLabelValues("ok").Inc()
	welcome()
	s.log().Info("console opened", "user", login.User, "admin", login.Admin)
	err = session.Serve(s.ctx)
	s.log().Info("console closed", "user", login.User, "error", err)
}

// authenticate lets the client prove that it is a user of the console. To somebody
// who is not, it looks like a wrong password.
func (c *Console) authenticate(s *session) (admin.Login, error) {
	s.enter(authenticating)
	user := s.opening.Startup.User
	users := s.server.settings()
	text, isAdmin := users.AdminUsers[user]
	known := isAdmin
	if !known {
		text, known = users.StatsUsers[user]
	}
	verifier, err := auth.ParseVerifier(text)
	if err != nil {
		if known {
			s.log().Warn("console user has a verifier that is of no use", "user", user, "error", err)
		}
		verifier = auth.Mock(s.server.config.Secret, "\x00"+user) // no tenant's name is empty
	}
	proof, err := auth.Authenticate(s.conn, auth.Request{
		User:           user,
		Verifier:       verifier,
		ChannelBinding: auth.EndPointBinding(s.opening.Certificate),
	})
	if err != nil {
		var failure *wire.Error
		if errors.As(err, &failure) && failure.Code == wire.InvalidPassword {
			failure.Hint = "Check the user and the password. To reach a tenant, name it: <role>.<tenant>."
		}
		return admin.Login{}, err
	}
	clear(proof.ClientKey)
	s.unsent = proof.Final
	return admin.Login{User: user, Admin: isAdmin}, nil
}

// greet tells the client that it has logged in.
func (c *Console) greet(s *session, login admin.Login) error {
	parameters := withApplicationName(admin.Parameters(login), s.identity.Settings[applicationName])
	b := mustEncode(s.takeUnsent(), &pgproto3.AuthenticationOk{})
	b = appendParameters(b, parameters)
	b = mustEncode(b, &pgproto3.BackendKeyData{ProcessID: s.key.pid, SecretKey: s.key.secret})
	b = mustEncode(b, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	_, err := s.conn.Write(b)
	return err
}

// enter files a session, unless it was told to end meanwhile. The caller calls
// leave.
func (c *Console) enter(s *session, console *admin.Session) error {
	c.mu.Lock()
	full := len(c.open) >= maxConsoles
	if !full {
		if c.open == nil {
			c.open = make(map[*session]*admin.Session)
		}
		c.open[s] = console
	}
	c.mu.Unlock()
	if full {
		return &wire.Error{
			Code:    wire.TooManyConnections,
			Message: "sorry, too many clients of the console already",
			Kind:    "max_consoles",
		}
	}
	s.mu.Lock()
	ending := s.ending
	s.mu.Unlock()
	if ending != nil {
		c.leave(s)
		return ending
	}
	return nil
}

func (c *Console) leave(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, s)
}

// find returns the console's session of s, nil if s has none.
func (c *Console) find(s *session) *admin.Session {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[s]
}

// sessions is how many it has.
func (c *Console) sessions() int {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// end ends s with err if it is a session of the console.
func (c *Console) end(s *session, err *wire.Error) {
	if c.find(s) != nil {
		s.end(err)
	}
}

// cancel ends the command that s runs, and reports whether it ran one.
func (c *Console) cancel(s *session) bool {
	session := c.find(s)
	return session != nil && session.Cancel()
}
