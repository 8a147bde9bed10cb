package relay

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// pipeline is random messages of a client, cut into parts that are sent one by
// one. It holds nothing that makes PostgreSQL end the connection: in what may be
// a COPY there is only what belongs there.
type pipeline struct {
	*rand.Rand
	parts  [][]byte
	pauses []bool // behind the part of the same number
	text   []string
	joined bool // the next message goes into the last part
	// ambiguous: a Sync is among the data of a COPY.
	ambiguous bool
}

// send appends a message.
func (p *pipeline) send(b []byte) {
	p.text = append(p.text, fmt.Sprintf("%q", b))
	if p.joined {
		last := len(p.parts) - 1
		p.parts[last] = append(p.parts[last], b...)
	} else {
		p.parts = append(p.parts, b)
		p.pauses = append(p.pauses, p.IntN(8) == 0)
	}
	p.joined = p.IntN(3) > 0
}

func (p *pipeline) pick(texts ...string) string { return texts[p.IntN(len(texts))] }

func (p *pipeline) build() {
	for range 1 + p.IntN(8) {
		switch p.IntN(11) {
		case 0, 1, 2:
			p.simple()
		case 10:
			p.transaction()
		case 3, 4, 5, 6:
			p.batch()
		case 7:
			p.copySimple()
		case 8:
			p.copyExtended()
		case 9:
			p.stray()
		}
	}
}

// transaction ends or begins one. It is not mixed into batches, where PostgreSQL
// 15 and 18 may lose their own count and answer what comes next with XX000
// ("unexpected state STARTED"); a Query within a batch is enough for that.
func (p *pipeline) transaction() {
	sql := p.pick("begin", "commit", "rollback", "savepoint s", "rollback to s", "begin; select 1", "commit; select 1/0")
	if p.IntN(2) == 0 || strings.Contains(sql, ";") {
		p.send(queryMessage(sql))
		return
	}
	p.send(message('S', ""))
	p.send(parseMessage("", sql))
	p.send(bindMessage("", ""))
	p.execute("")
	p.send(message('S', ""))
}

func (p *pipeline) statement() string {
	return p.pick("select 1", "select i from generate_series(1, 300) i", "", ";", "select 1/0", "no such statement",
		"do $$ begin raise notice 'x'; end $$",
		"set work_mem = '1MB'", "set datestyle = german", "insert into t values (1)", "insert into t select 1 / (i - 5) from generate_series(1, 9) i",
		"copy (select 1) to stdout", "copy t to stdout", "values (1), (2), (3)", "listen x", "notify x", "fetch 1 from c",
		"create role postern_never in role none", "alter role none password 'x'")
}

func (p *pipeline) simple() {
	sql := p.statement()
	for p.IntN(3) == 0 {
		sql += ";" + p.statement()
	}
	p.send(queryMessage(sql))
}

// batch is extended messages, mostly of a sensible order, often with something
// in it that fails, and not always with its Sync. It runs no portal of an earlier
// batch: PostgreSQL crashes over those of an aborted transaction.
func (p *pipeline) batch() {
	name := func() string { return p.pick("", "", "", "a", "b") }
	for range 1 + p.IntN(4) {
		switch p.IntN(12) {
		case 0, 1, 2, 3:
			statement, portal := name(), name()
			if statement != "" {
				p.send(message('C', "S"+statement+"\x00"))
			}
			p.send(parseMessage(statement, p.statement()))
			p.send(bindMessage(portal, statement))
			if p.IntN(2) == 0 {
				p.send(message('D', "P"+portal+"\x00"))
			}
			for range 1 + p.IntN(2) {
				p.execute(portal)
			}
		case 4:
			p.send(parseMessage(name(), p.statement()))
		case 5:
			p.send(bindMessage(name(), name()))
		case 6:
			p.send(message('D', p.pick("S", "Pnowhere")+"\x00"))
		case 7:
			p.execute("nowhere")
		case 8:
			p.send(message('C', p.pick("S", "P")+name()+"\x00"))
		case 9:
			p.send(message('H', ""))
		case 10:
			p.simple()
		case 11:
			p.stray()
		}
	}
	for range p.IntN(3) {
		p.send(message('S', ""))
	}
}

func (p *pipeline) execute(portal string) {
	p.send(message('E', portal+p.pick("\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x02")))
}

// stray is messages that mean nothing where they are, and function calls.
func (p *pipeline) stray() {
	switch p.IntN(5) {
	case 0:
		p.send(message('d', "1\n"))
	case 1:
		p.send(message('c', ""))
	case 2:
		p.send(message('f', "no\x00"))
	case 3: // int4pl(1, 2)
		p.send(message('F', "\x00\x00\x00\xb1\x00\x00\x00\x02\x00\x00\x00\x011\x00\x00\x00\x012\x00\x00"))
	case 4: // a function that is not there
		p.send(message('F', "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"))
	}
}

func (p *pipeline) copyStatement() string {
	return p.pick("copy t from stdin", "copy t from stdin", "copy t from stdin", "copy nowhere from stdin", "copy t (nothing) from stdin")
}

func (p *pipeline) copySimple() {
	sql, ends := p.copyStatement(), 1
	if p.IntN(3) == 0 {
		sql = p.statement() + ";" + sql
	}
	for p.IntN(4) == 0 {
		sql += ";" + p.copyStatement()
		ends++
	}
	if p.IntN(3) == 0 {
		sql += ";" + p.statement()
	}
	p.send(queryMessage(sql))
	for range ends {
		p.copyData()
	}
}

func (p *pipeline) copyExtended() {
	p.send(parseMessage("", p.copyStatement()))
	p.send(bindMessage("", ""))
	p.send(message('E', "\x00\x00\x00\x00\x00"))
	p.copyData()
	if p.IntN(3) > 0 {
		p.send(message('S', ""))
	}
}

// copyData is what a COPY from stdin reads, up to its end.
func (p *pipeline) copyData() {
	sent := false
	for range p.IntN(5) {
		switch p.IntN(6) {
		case 0:
			p.send(message('d', "not a number\n"))
			sent = true
		case 1:
			p.send(message('H', ""))
		case 2:
			if p.IntN(4) == 0 || !sent {
				p.send(message('S', ""))
				p.ambiguous = p.ambiguous || sent
			}
		default:
			p.send(message('d', "1\n2\n"))
			sent = true
		}
	}
	if p.IntN(4) == 0 {
		p.send(message('f', "no\x00"))
	} else {
		p.send(message('c', ""))
	}
}
