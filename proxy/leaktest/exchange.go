package leaktest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

func (c *client) deadline() { _ = c.conn.Conn().SetDeadline(time.Now().Add(c.config.timeout())) }

// encode makes the bytes of messages.
func encode(messages ...pgproto3.FrontendMessage) []byte {
	var b []byte
	for _, m := range messages {
		b, _ = m.Encode(b) // fails for messages over a gigabyte only
	}
	return b
}

// write sends messages about whose answer nobody is told.
func (c *client) write(messages ...pgproto3.FrontendMessage) {
	c.deadline()
	_, _ = c.conn.Conn().Write(encode(messages...)) // a connection that is broken shows at the next read
}

// perform sends what is planned, in one piece or several, and compares what
// comes with what must come.
func (c *client) perform() {
	p := c.plan
	c.plan = plan{}
	if c.conn == nil || len(p.messages) == 0 {
		return
	}
	b := encode(p.messages...)
	c.deadline()
	if c.random.IntN(8) == 0 {
		cut := c.random.IntN(len(b))
		_, _ = c.conn.Conn().Write(b[:cut])
		b = b[cut:]
		time.Sleep(time.Duration(c.random.IntN(2000)) * time.Microsecond)
	}
	_, _ = c.conn.Conn().Write(b)
	for _, e := range p.expected {
		if !c.meet(e) {
			return
		}
	}
}

// meet reads one message and reports whether it is the one expected.
func (c *client) meet(e expectation) bool {
	line, detail, err := c.next(e.early)
	row := rowOf(e, line)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.violated("no answer", fmt.Sprintf("%s: expected %s", shorten(e.statement.sql), shorten(e.line)))
	case err != nil:
		c.violated("broken connection", fmt.Sprintf("%s: expected %s, got %v", shorten(e.statement.sql), shorten(e.line), err))
	case row != nil:
		c.compareLook(e.statement, row)
	case line != e.line:
		c.violated(c.verdict(e, line), fmt.Sprintf("%s: expected %s, got %s", shorten(e.statement.sql), shorten(e.line), shorten(strings.TrimSpace(line+" "+detail))))
	case e.ready != nil:
		c.checkReady(e.ready)
	default:
		return true
	}
	return c.conn != nil
}

// rowOf is the row of a look that is expected, or nil for anything else.
func rowOf(e expectation, line string) []string {
	row := strings.Split(strings.TrimPrefix(line, "D "), columnSeparator)
	if e.line[0] != 'D' || !strings.HasPrefix(line, "D ") || e.statement.labels == nil || len(row) != len(e.statement.labels) {
		return nil
	}
	return row
}

// next is the next message that answers something; what comes between is kept.
// Before an error others may come that are left out if early is set.
func (c *client) next(early bool) (line, detail string, err error) {
	for {
		m, err := c.conn.Frontend().Receive()
		if err != nil {
			return "", "", err
		}
		switch m := m.(type) {
		case *pgproto3.ParameterStatus:
			if _, known := c.reports[m.Name]; known {
				c.reports[m.Name] = m.Value
			}
		case *pgproto3.NotificationResponse:
			c.heard = append(c.heard, m.Channel+" "+m.Payload)
		case *pgproto3.ErrorResponse:
			return cmp.Or(map[string]string{"FATAL": "F "}[m.SeverityUnlocalized], "E ") + m.Code, m.Message, nil
		default:
			line, synchronous := render(m)
			if synchronous && !(early && strings.Contains("12nTt", line)) {
				return line, "", nil
			}
		}
	}
}

// checkReady compares what has come beside the answers.
func (c *client) checkReady(r *ready) {
	heard := c.heard
	c.heard = nil
	due := slices.Clone(r.due)
	for _, notification := range heard {
		channel, payload, _ := strings.Cut(notification, " ")
		i := slices.Index(due, payload)
		switch {
		case channel == c.channel(c.index) && i >= 0:
			due = slices.Delete(due, i, i+1)
		case channel == c.channel(c.index) && r.mayHear && strings.HasPrefix(payload, c.tenant.Name+neighbourPayload):
		default:
			c.violated("foreign notification", "heard "+notification)
			return
		}
	}
	if len(due) > 0 {
		c.violated("lost notification", fmt.Sprintf("%q is missing", due))
		return
	}
	if name, differs := r.differing(c.reports); differs {
		c.report("wrong ParameterStatus", fmt.Sprintf("%s: expected %q, last reported %q", name, r.reports[name], c.reports[name]))
		delete(c.reports, name) // the session goes on without
	}
}

// render is a message in one line. Those that do not answer anything are not
// synchronous.
func render(m pgproto3.BackendMessage) (line string, synchronous bool) {
	switch m := m.(type) {
	case *pgproto3.DataRow:
		columns := make([]string, len(m.Values))
		for i, value := range m.Values {
			columns[i] = string(value)
		}
		return "D " + strings.Join(columns, columnSeparator), true
	case *pgproto3.CommandComplete:
		return "C " + string(m.CommandTag), true
	case *pgproto3.ReadyForQuery:
		return "Z " + string(m.TxStatus), true
	case *pgproto3.ErrorResponse:
		return "E " + m.Code, true
	case *pgproto3.CopyData:
		return "d " + strings.TrimSuffix(string(m.Data), "\n"), true
	case *pgproto3.ParseComplete:
		return "1", true
	case *pgproto3.BindComplete:
		return "2", true
	case *pgproto3.CloseComplete:
		return "3", true
	case *pgproto3.NoData:
		return "n", true
	case *pgproto3.RowDescription:
		return "T", true
	case *pgproto3.ParameterDescription:
		return "t", true
	case *pgproto3.PortalSuspended:
		return "s", true
	case *pgproto3.EmptyQueryResponse:
		return "I", true
	case *pgproto3.CopyInResponse:
		return "G", true
	case *pgproto3.CopyOutResponse:
		return "H", true
	case *pgproto3.CopyDone:
		return "c", true
	case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus, *pgproto3.NotificationResponse:
		return "", false
	}
	return fmt.Sprintf("%T", m), true
}

func shorten(line string) string {
	if len(line) > 160 {
		return line[:160] + "…"
	}
	return line
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
