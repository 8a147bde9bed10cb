package pool

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
)

// Recover puts a server connection in order that comes back in doubt, so that it
// can be lent again: it ends the transaction and, if discard is set, runs DISCARD
// ALL. Everything that was outstanding must have been read to the end by then;
// status is what the last ReadyForQuery said. Changed settings go to Parameters;
// notices, which were for somebody who has gone, are dropped.
//
// After an error the connection can only be given up: something has failed, or
// something came that was not asked for, or ctx is over. (The order is that of
// Odyssey's reset, docs/protocol.md, I.)
func (s *Server) Recover(ctx context.Context, status byte, discard bool) error {
	var statements []string
	switch status {
	case 'I':
	case 'T', 'E':
		statements = append(statements, "ROLLBACK")
	default:
		return fmt.Errorf("recover server connection: its status is %q", status)
	}
	if discard {
		statements = append(statements, "DISCARD ALL")
	}
	err := s.obey(ctx, func() error {
		for _, sql := range statements {
			if err := s.run(sql, discard); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return s.mustBeQuiet()
	})
	if err != nil {
		return fmt.Errorf("recover server connection: %w", err)
	}
	return nil
}

// run runs a statement whose answer does not matter. listens says that somebody
// may have left a LISTEN behind, which is about to end.
func (s *Server) run(sql string, listens bool) error {
	a := answer{server: s}
	switch err := a.to(sql, nil); {
	case err != nil:
		return err
	case len(s.Early) > 0:
		return errTalks
	case a.notified && !listens:
		return errors.New("the session listens")
	}
	return nil
}

// mustBeQuiet is an error if anything at all has arrived, or the end. It does not
// wait.
func (s *Server) mustBeQuiet() error {
	if secure, ok := s.Conn.(*tls.Conn); ok {
		if err := buffered(secure); err != nil {
			return err
		}
	}
	var p peek
	p.at(s.Conn)
	return p.mustBeQuiet()
}
