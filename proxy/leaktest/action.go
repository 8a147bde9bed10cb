package leaktest

// action is something that a client does, chosen by weight among those that its
// session allows.
type action struct {
	name   string
	weight int
	do     func(*client)
	when   func(*client) bool // nil: always
}

// single makes an action of a statement that is sent alone.
func single(make func(*client) statement) func(*client) {
	return func(c *client) { c.alone(make(c)) }
}

func outside(c *client) bool { return !c.session.inBlock() }
func inside(c *client) bool  { return c.session.inBlock() }
func sticks(c *client) bool  { return c.sticky }

func named(c *client) bool { return !c.config.NoPrepared }

// plain: nothing of the kind belongs to another role than the client's own.
func plain(c *client) bool {
	return c.sticky && (c.config.Role == "" || c.session.settings[roleSetting].value() == "none")
}

var actions = []action{
	{"setting", 20, single((*client).setting), nil},
	{"row", 6, single((*client).row), nil},
	{"large answer", 1, single((*client).large), nil},
	{"parse", 8, (*client).parse, named},
	{"parse with an error", 2, (*client).parseBroken, named},
	{"execute", 12, (*client).execute, named},
	{"replace a prepared statement", 4, (*client).replace, named},
	{"same text again", 4, (*client).rename, named},
	{"deallocate", 3, (*client).deallocate, named},
	{"several", 8, (*client).several, nil},
	{"whole block", 8, (*client).block, outside},
	{"begin", 10, single((*client).begin), outside},
	{"commit", 12, single((*client).commit), inside},
	{"rollback", 8, single((*client).rollback), inside},
	{"savepoint", 8, single((*client).savepoint), inside},
	{"rollback to savepoint", 6, single((*client).rollbackTo), inside},
	{"release savepoint", 4, single((*client).release), inside},
	{"error", 3, single((*client).failing), nil},
	{"syntax error", 2, (*client).mistyped, nil},
	{"discard all", 2, (*client).discardAll, nil},
	{"copy in", 2, (*client).copyRows, nil},
	{"copy out", 2, (*client).copyOut, nil},
	{"cancel", 1, (*client).cancel, nil},
	{"cancel nothing", 1, (*client).strayCancel, nil},
	{"advisory lock", 5, single((*client).lock), sticks},
	{"temporary table", 8, single((*client).table), plain},
	{"cursor", 5, single((*client).cursor), plain},
	{"listen and notify", 8, single((*client).listen), sticks},
	{"prepare by SQL", 5, single((*client).sqlPrepare), sticks},
	{"let go", 12, (*client).letGo, func(c *client) bool { return outside(c) && c.session.holds() }},
	{"role", 4, single((*client).role), func(c *client) bool { return c.config.Role != "" && c.roleAllowed() }},
	{"function", 4, single((*client).function), func(c *client) bool { return c.config.Functions }},
}

// wayOut are what is done mostly in a block that has failed.
var wayOut = []action{
	{"rollback", 5, single((*client).rollback), nil},
	{"rollback to savepoint", 4, single((*client).rollbackTo), nil},
	{"commit", 1, single((*client).commit), nil},
}

// act does one thing.
func (c *client) act() {
	list := actions
	if c.session.failed && c.random.IntN(4) > 0 {
		list = wayOut
	}
	sum := 0
	for _, a := range list {
		if a.when == nil || a.when(c) {
			sum += a.weight
		}
	}
	choice := c.random.IntN(sum)
	for _, a := range list {
		if a.when != nil && !a.when(c) {
			continue
		}
		if choice -= a.weight; choice < 0 {
			c.actions++
			c.results.did(a.name)
			a.do(c)
			return
		}
	}
}

// roleAllowed: a role is changed only where nothing is there that the other
// role could not read or drop.
func (c *client) roleAllowed() bool {
	return len(c.session.tables)+len(c.session.cursors) == 0
}

// letGo gives up one kind of state that keeps a server connection, by the
// statements that end it and not only by DISCARD ALL.
func (c *client) letGo() {
	s := c.session
	switch {
	case c.random.IntN(6) == 0 || s.nonconstant:
		c.alone(commands(aboutControl, "discard all", "DISCARD ALL", s.discardAll))
	case len(s.locks) > 0 && c.random.IntN(3) == 0:
		st := selects(aboutLock, "select pg_advisory_unlock_all()", "")
		st.effect = func() { clear(s.locks) }
		c.alone(st)
	case len(s.locks) > 0:
		for _, key := range sortedKeys(s.locks) {
			for range s.locks[key] {
				c.alone(c.unlock(key))
			}
		}
	case len(s.tables) > 0:
		for _, name := range sortedKeys(s.tables) {
			c.alone(c.dropTable(name))
		}
	case len(s.cursors) > 0:
		for _, name := range sortedKeys(s.cursors) {
			c.alone(c.closeCursor(name))
		}
	case len(s.sqlPrepared) > 0:
		for _, name := range sortedKeys(s.sqlPrepared) {
			c.alone(c.deallocateSQL(name))
		}
	case s.listening:
		c.alone(commands(aboutListen, "unlisten *", "UNLISTEN", func() { s.listening = false }))
	default:
		c.alone(commands(aboutSetting, "reset role", "RESET", func() { s.set(roleSetting, "none", false) }))
	}
}
