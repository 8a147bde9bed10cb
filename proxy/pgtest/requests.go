package pgtest

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Query sends a simple query, which may hold several statements.
func (c *Client) Query(sql string) { c.Send(&pgproto3.Query{String: sql}) }

// Parse prepares a statement; name may be empty.
func (c *Client) Parse(name, sql string, parameterTypes ...uint32) {
	c.Send(&pgproto3.Parse{Name: name, Query: sql, ParameterOIDs: parameterTypes})
}

// Bind makes a portal of a statement with parameters and results as text. Use
// Send for NULLs and binary formats.
func (c *Client) Bind(portal, statement string, parameters ...string) {
	bind := &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
	for _, p := range parameters {
		bind.Parameters = append(bind.Parameters, []byte(p))
	}
	c.Send(bind)
}

// DescribeStatement asks for a statement's parameters and columns.
func (c *Client) DescribeStatement(name string) {
	c.Send(&pgproto3.Describe{ObjectType: 'S', Name: name})
}

// DescribePortal asks for a portal's columns.
func (c *Client) DescribePortal(name string) {
	c.Send(&pgproto3.Describe{ObjectType: 'P', Name: name})
}

// Execute runs a portal for at most so many rows, 0 for all.
func (c *Client) Execute(portal string, maxRows uint32) {
	c.Send(&pgproto3.Execute{Portal: portal, MaxRows: maxRows})
}

// CloseStatement forgets a statement.
func (c *Client) CloseStatement(name string) { c.Send(&pgproto3.Close{ObjectType: 'S', Name: name}) }

// ClosePortal forgets a portal.
func (c *Client) ClosePortal(name string) { c.Send(&pgproto3.Close{ObjectType: 'P', Name: name}) }

// Flush sends the message Flush: the server is to answer what it has so far.
func (c *Client) Flush() { c.Send(&pgproto3.Flush{}) }

// Sync ends an extended query.
func (c *Client) Sync() { c.Send(&pgproto3.Sync{}) }

// CopyData sends one piece of a COPY FROM STDIN.
func (c *Client) CopyData(data string) { c.Send(&pgproto3.CopyData{Data: []byte(data)}) }

// CopyDone ends a COPY FROM STDIN.
func (c *Client) CopyDone() { c.Send(&pgproto3.CopyDone{}) }

// CopyFail gives a COPY FROM STDIN up.
func (c *Client) CopyFail(message string) { c.Send(&pgproto3.CopyFail{Message: message}) }

// Terminate says good-bye; the server closes then.
func (c *Client) Terminate() { c.Send(&pgproto3.Terminate{}) }

// request renders what a client sends, for the reader of a transcript.
func request(message pgproto3.FrontendMessage) string {
	switch m := message.(type) {
	case *pgproto3.Query:
		return "Query " + value([]byte(m.String))
	case *pgproto3.Parse:
		return strings.TrimSuffix(fmt.Sprintf("Parse %q %s %v", m.Name, value([]byte(m.Query)), m.ParameterOIDs), " []")
	case *pgproto3.Bind:
		return fmt.Sprintf("Bind %q to %q %v (%s) %v", m.DestinationPortal, m.PreparedStatement,
			m.ParameterFormatCodes, values(m.Parameters[:min(len(m.Parameters), 20)]), m.ResultFormatCodes)
	case *pgproto3.Describe:
		return fmt.Sprintf("Describe %c %q", m.ObjectType, m.Name)
	case *pgproto3.Execute:
		return fmt.Sprintf("Execute %q %d", m.Portal, m.MaxRows)
	case *pgproto3.Close:
		return fmt.Sprintf("Close %c %q", m.ObjectType, m.Name)
	case *pgproto3.CopyData:
		return "CopyData " + value(m.Data)
	case *pgproto3.CopyFail:
		return fmt.Sprintf("CopyFail %q", m.Message)
	case *pgproto3.FunctionCall:
		return fmt.Sprintf("FunctionCall %d %v (%s) %d", m.Function, m.ArgFormatCodes, values(m.Arguments), m.ResultFormatCode)
	}
	// The rest has no fields, or none that may be shown.
	return strings.TrimPrefix(fmt.Sprintf("%T", message), "*pgproto3.")
}
