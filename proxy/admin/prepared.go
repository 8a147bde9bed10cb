package admin

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/wire"
)

// prepared is what a session has prepared by the extended protocol. The zero value
// is empty.
type prepared struct {
	plans   map[string]*plan
	portals map[string]*portal
}

// portal is a statement with the formats of its result.
type portal struct {
	plan    *plan
	formats []format
	ran     bool
	rows    []row // not sent yet
}

// maxPrepared bounds the statements and the portals of a session.
const maxPrepared = 256

func (p *prepared) endUnnamed() {
	delete(p.plans, "")
	delete(p.portals, "")
}

// endPortals ends all, as a transaction does that ends.
func (p *prepared) endPortals() { clear(p.portals) }

func (s *Session) parse(m *pgproto3.Parse) error {
	if len(m.ParameterOIDs) > 0 {
		return noParameters()
	}
	if _, taken := s.prepared.plans[m.Name]; taken && m.Name != "" {
		return &wire.Error{Code: codeDuplicateStatement, Message: fmt.Sprintf("prepared statement %q already exists", m.Name)}
	}
	statements, err := parse(m.Query)
	if err != nil {
		return err
	}
	if len(statements) > 1 {
		return syntaxError("cannot insert multiple commands into a prepared statement")
	}
	p := nothing
	if len(statements) == 1 {
		if p, err = s.plan(statements[0]); err != nil {
			return err
		}
	}
	delete(s.prepared.plans, m.Name)
	if len(s.prepared.plans) >= maxPrepared {
		return tooMany("prepared statements")
	}
	if s.prepared.plans == nil {
		s.prepared.plans = make(map[string]*plan)
	}
	s.prepared.plans[m.Name] = p
	s.send(&pgproto3.ParseComplete{})
	return nil
}

func (s *Session) bind(m *pgproto3.Bind) error {
	p, err := s.preparedPlan(m.PreparedStatement)
	if err != nil {
		return err
	}
	if len(m.Parameters) > 0 {
		return noParameters()
	}
	if n := len(m.ResultFormatCodes); n > 1 && n != len(p.columns) {
		return &wire.Error{
			Code:    wire.ProtocolViolation,
			Message: fmt.Sprintf("bind message has %d result formats but query has %d columns", n, len(p.columns)),
		}
	}
	for _, code := range m.ResultFormatCodes {
		if code != textFormat && code != binaryFormat {
			return &wire.Error{Code: wire.ProtocolViolation, Message: fmt.Sprintf("unsupported format code: %d", code)}
		}
	}
	if _, taken := s.prepared.portals[m.DestinationPortal]; taken && m.DestinationPortal != "" {
		return &wire.Error{Code: codeDuplicateCursor, Message: fmt.Sprintf("portal %q already exists", m.DestinationPortal)}
	}
	delete(s.prepared.portals, m.DestinationPortal)
	if len(s.prepared.portals) >= maxPrepared {
		return tooMany("portals")
	}
	if s.prepared.portals == nil {
		s.prepared.portals = make(map[string]*portal)
	}
	s.prepared.portals[m.DestinationPortal] = &portal{plan: p, formats: append([]format(nil), m.ResultFormatCodes...)}
	s.send(&pgproto3.BindComplete{})
	return nil
}

func (s *Session) describe(m *pgproto3.Describe) error {
	var columns []column
	var formats []format
	if m.ObjectType == 'P' {
		open, err := s.portal(m.Name)
		if err != nil {
			return err
		}
		columns, formats = open.plan.columns, open.formats
	} else {
		p, err := s.preparedPlan(m.Name)
		if err != nil {
			return err
		}
		columns = p.columns
		s.send(&pgproto3.ParameterDescription{})
	}
	if columns == nil {
		s.send(&pgproto3.NoData{})
		return nil
	}
	s.send(describe(columns, formats))
	return nil
}

// execute runs a portal, or goes on with it. One that has come to its end has no
// more rows, and does nothing a second time.
func (s *Session) execute(ctx context.Context, m *pgproto3.Execute) error {
	open, err := s.portal(m.Portal)
	if err != nil {
		return err
	}
	if !open.ran {
		open.ran = true
		if open.rows, err = s.run(ctx, open.plan); err != nil {
			return err
		}
	}
	now := open.rows
	if m.MaxRows > 0 && uint64(len(now)) > uint64(m.MaxRows) {
		now = now[:m.MaxRows]
	}
	open.rows = open.rows[len(now):]
	s.rows(now, open.plan.columns, open.formats)
	if len(open.rows) > 0 {
		s.send(&pgproto3.PortalSuspended{})
		return nil
	}
	s.complete(open.plan)
	return nil
}

func (s *Session) close(m *pgproto3.Close) {
	if m.ObjectType == 'P' {
		delete(s.prepared.portals, m.Name)
	} else {
		delete(s.prepared.plans, m.Name)
	}
	s.send(&pgproto3.CloseComplete{})
}

func (s *Session) preparedPlan(name string) (*plan, error) {
	p, ok := s.prepared.plans[name]
	if !ok {
		return nil, &wire.Error{Code: codeUndefinedStatement, Message: fmt.Sprintf("prepared statement %q does not exist", name)}
	}
	return p, nil
}

func (s *Session) portal(name string) (*portal, error) {
	open, ok := s.prepared.portals[name]
	if !ok {
		return nil, &wire.Error{Code: codeUndefinedCursor, Message: fmt.Sprintf("portal %q does not exist", name)}
	}
	return open, nil
}

func noParameters() *wire.Error {
	return &wire.Error{Code: wire.FeatureNotSupported, Message: "commands of the console take no parameters",
		Hint: "Write the value into the command.", Kind: "console"}
}

func tooMany(things string) *wire.Error {
	return &wire.Error{Code: wire.LimitExceeded, Message: fmt.Sprintf("a session of the console has at most %d %s", maxPrepared, things)}
}
