package leaktest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// client is one client: session after session, each with a new connection. It
// is used by one goroutine.
type client struct {
	ctx        context.Context // ended: everything stops, and nothing is a violation any more
	config     *Config
	number     int // from 1, among all
	index      int // among those of its tenant
	neighbours int // how many its tenant has
	tenant     *tenant
	random     *rand.Rand
	results    *ledger
	// sticky clients make state that only a server connection of their own can
	// keep; the others are what moves between server connections.
	sticky bool

	conn     *pgconn.PgConn // nil between sessions
	session  *session
	plan     plan
	reports  map[string]string // by ParameterStatus
	heard    []string          // notifications since the last ReadyForQuery
	sessions int
	actions  int
	words    int
	torn     string // the word of a COPY that was not finished
	recent   []string
}

// recentKept is how many of a client's actions a violation shows.
const recentKept = 12

func newClient(ctx context.Context, config *Config, number int, t *tenant, results *ledger) *client {
	tenants := len(config.Tenants)
	index := (number - 1) / tenants
	neighbours := config.clients() / tenants
	if (number-1)%tenants < config.clients()%tenants {
		neighbours++
	}
	return &client{
		ctx: ctx, config: config, number: number, index: index, neighbours: neighbours, tenant: t, results: results,
		random: rand.New(rand.NewPCG(config.Seed, uint64(number))),
		sticky: index%2 == 1,
	}
}

// run runs sessions until one of the limits is reached.
func (c *client) run(stop <-chan struct{}) {
	for !c.over(stop) {
		if err := c.connect(); err != nil {
			if c.ctx.Err() == nil {
				c.violated("cannot connect", err.Error())
			}
			pause(stop, 100*time.Millisecond)
			continue
		}
		c.converse(stop)
		if c.conn != nil {
			c.depart()
		}
	}
}

// over reports whether the client has done its part.
func (c *client) over(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return c.ctx.Err() != nil || c.config.Actions > 0 && c.actions >= c.config.Actions
	}
}

// converse is what one session does before it ends.
func (c *client) converse(stop <-chan struct{}) {
	length := 5 + c.random.IntN(60)
	if c.torn != "" {
		c.alone(selects(aboutCopy, "select count(*)::text from leak.rows where word = "+quote(c.torn), "0"))
		c.torn = ""
	}
	c.look()
	c.perform()
	for n := 0; c.conn != nil && n < length && !c.over(stop); n++ {
		for range 1 + max(0, c.random.IntN(6)-3) { // mostly one, else without waiting for the answer
			c.act()
			if c.conn == nil {
				return
			}
		}
		if c.random.IntN(3) == 0 && !c.session.failed {
			c.look()
		}
		c.perform()
	}
}

// connect begins a session, with settings of its own from the start.
func (c *client) connect() error {
	config, err := pgconn.ParseConfig(c.tenant.DSN)
	if err != nil {
		return err
	}
	c.sessions++
	id := fmt.Sprintf("c%ds%d_", c.number, c.sessions)
	c.session = newSession(id, maps.Clone(c.tenant.defaults))
	if c.config.Role != "" {
		c.session.defaults[roleSetting] = "none"
	}
	config.RuntimeParams = c.startup()
	for name, value := range c.session.defaults {
		c.session.settings[name] = held{session: value}
	}
	c.note(fmt.Sprintf("(session %d, %v)", c.sessions, config.RuntimeParams))
	ctx, done := context.WithTimeout(c.ctx, c.config.timeout())
	defer done()
	c.conn, err = pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	c.results.connected()
	c.plan, c.heard, c.reports = plan{}, nil, map[string]string{}
	for name := range c.session.defaults {
		if value := c.conn.ParameterStatus(name); value != "" {
			c.reports[name] = value
		}
	}
	return nil
}

// startup chooses settings for the startup message, which become the defaults
// of the session.
func (c *client) startup() map[string]string {
	parameters := make(map[string]string)
	if name := "started " + c.word(); !c.config.Nameless {
		parameters["application_name"] = name
	}
	c.session.defaults["application_name"] = parameters["application_name"]
	var options []string
	for _, setting := range settings {
		if setting.startup == never || setting.startup == ifAsked && !c.config.Startup || c.random.IntN(3) > 0 {
			continue
		}
		v := setting.choose(c)
		if setting.startup == ifAsked && c.random.IntN(2) == 0 {
			escaped := strings.NewReplacer(`\`, `\\`, " ", `\ `).Replace(v.text)
			options = append(options, "-c "+setting.name+"="+escaped)
		} else {
			parameters[setting.name] = v.text
		}
		c.session.defaults[setting.name] = v.shown
	}
	if len(options) > 0 {
		parameters["options"] = strings.Join(options, " ")
	}
	return parameters
}

// ended reports whether the session is over already.
func (c *client) ended() bool { return c.conn == nil }

// hangUp closes the connection without a word.
func (c *client) hangUp() {
	if c.conn != nil {
		c.conn.Conn().Close()
		c.conn = nil
	}
}

// violated reports a violation and ends the session, whose model is good for
// nothing from here on.
func (c *client) violated(kind Kind, detail string) {
	c.hangUp()
	c.report(kind, detail)
}

func (c *client) report(kind Kind, detail string) {
	if c.ctx.Err() != nil {
		return
	}
	c.results.violated(Violation{
		Kind: kind, Detail: detail, Seed: c.config.Seed, Tenant: c.tenant.Name,
		Client: c.number, Session: c.sessions, Action: c.actions, Recent: slices.Clone(c.recent),
	})
}

// note remembers what is done, for a violation.
func (c *client) note(text string) {
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	c.recent = append(c.recent, text)
	c.recent = c.recent[max(0, len(c.recent)-recentKept):]
}

// word is text that nobody else has.
func (c *client) word() string {
	c.words++
	return c.session.id + strconv.Itoa(c.words)
}

// pick chooses one of a list.
func pick[T any](c *client, list []T) T { return list[c.random.IntN(len(list))] }

// pause waits, but not longer than until stop.
func pause(stop <-chan struct{}, d time.Duration) {
	select {
	case <-stop:
	case <-time.After(d):
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
