package proxy

import (
	"postern/proxy/wire"
)

// startup reads what the client says first, encrypts if it asks for that, and
// tells a client of a newer protocol which one is spoken.
func (s *session) startup() error {
	s.enter(starting)
	var err error
	settings := s.server.settings()
	s.opening, err = wire.Negotiate(s.conn, wire.NegotiateOptions{
		TLS:        settings.TLS,
		RequireTLS: settings.RequireTLS,
	})
	s.conn = s.opening.Conn
	if state := s.opening.TLS; state != nil {
		s.version, s.suite = state.Version, state.CipherSuite
	}
	if err != nil || s.opening.Cancel != nil {
		return err
	}
	startup := s.opening.Startup
	if negotiate := wire.AppendNegotiate(nil, startup.Version, startup.Extensions); len(negotiate) > 0 {
		_, err = s.conn.Write(negotiate)
	}
	return err
}
