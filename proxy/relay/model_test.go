package relay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// model is a PostgreSQL that knows prepared statements and nothing else. A query
// "fail" fails, "begin" and "commit" do what they say; everything else is
// answered by its own text.
type model struct {
	statements map[string]string
	unnamed    *string
	portal     *string
	status     byte
	skipping   bool
	in         []byte
}

func newModel() *model { return &model{statements: map[string]string{}, status: 'I'} }

func modelError(code, text string) []byte {
	return message('E', "SERROR\x00VERROR\x00C"+code+"\x00M"+text+"\x00\x00")
}

// take executes what has arrived whole and returns the answers.
func (m *model) take(b []byte) (out []byte) {
	m.in = append(m.in, b...)
	for len(m.in) >= 5 {
		size := 1 + int(binary.BigEndian.Uint32(m.in[1:]))
		if len(m.in) < size {
			break
		}
		out = append(out, m.one(m.in[0], m.in[5:size])...)
		m.in = m.in[size:]
	}
	return out
}

func (m *model) one(kind byte, body []byte) []byte {
	if kind == 'S' {
		m.skipping = false
		return m.ready()
	}
	if m.skipping {
		return nil
	}
	answer, err := m.execute(kind, body)
	if err == nil {
		if kind == 'Q' {
			return append(answer, m.ready()...)
		}
		return answer
	}
	if m.status == 'T' {
		m.status = 'E'
	}
	if kind == 'Q' {
		return append(err, m.ready()...)
	}
	m.skipping = true
	return err
}

func (m *model) ready() []byte {
	if m.status != 'T' {
		m.portal = nil
	}
	return message('Z', string(m.status))
}

func (m *model) execute(kind byte, body []byte) (answer, err []byte) {
	words := strings.Split(string(body), "\x00")
	switch kind {
	case 'Q':
		m.unnamed = nil
		return m.run(words[0])
	case 'P':
		if words[0] == "" {
			m.unnamed = nil
		}
		if words[1] == "bad" {
			return nil, modelError("42601", "bad")
		}
		if m.status == 'E' && words[1] != "commit" {
			return nil, modelError("25P02", "aborted")
		}
		if words[0] == "" {
			m.unnamed = &words[1]
		} else if _, ok := m.statements[words[0]]; ok {
			return nil, modelError("42P05", "prepared statement \""+words[0]+"\" already exists")
		} else {
			m.statements[words[0]] = words[1]
		}
		return message('1', ""), nil
	case 'B':
		text, err := m.find(words[1])
		if err == nil && m.status == 'E' && text != "commit" {
			err = modelError("25P02", "aborted")
		}
		if err == nil {
			m.portal = &text
		}
		return message('2', ""), err
	case 'D':
		text, err := m.find(words[0][1:])
		if err == nil && m.status == 'E' && text != "commit" {
			err = modelError("25P02", "aborted")
		}
		return append(message('t', text), message('n', "")...), err
	case 'C':
		if name := words[0][1:]; name == "" {
			m.unnamed = nil
		} else {
			delete(m.statements, name)
		}
		return message('3', ""), nil
	case 'E':
		if m.portal == nil {
			return nil, modelError("34000", "no portal")
		}
		return m.run(*m.portal)
	}
	return nil, nil // Flush
}

func (m *model) find(name string) (string, []byte) {
	if name == "" {
		if m.unnamed == nil {
			return "", modelError("26000", "unnamed prepared statement does not exist")
		}
		return *m.unnamed, nil
	}
	text, ok := m.statements[name]
	if !ok {
		return "", modelError("26000", "prepared statement \""+name+"\" does not exist")
	}
	return text, nil
}

func (m *model) run(text string) ([]byte, []byte) {
	switch {
	case text == "commit":
		m.status = 'I'
	case m.status == 'E':
		return nil, modelError("25P02", "aborted")
	case text == "fail":
		return nil, modelError("22012", "division by zero")
	case text == "begin":
		m.status = 'T'
	case text == "DEALLOCATE ALL":
		m.statements = map[string]string{}
	case strings.HasPrefix(text, "DEALLOCATE "):
		name := strings.TrimPrefix(text, "DEALLOCATE ")
		if _, err := m.find(name); err != nil {
			return nil, err
		}
		delete(m.statements, name)
		return message('C', "DEALLOCATE\x00"), nil
	}
	return message('C', text+"\x00"), nil
}

// batch is some messages of a client, at the end of which everything is answered.
func batch(r *rand.Rand) []byte {
	var b []byte
	name := func() string { return []string{"", "a", "b", "c"}[r.IntN(4)] }
	texts := []string{"one", "two", "three", "bad", "fail", "begin", "commit", "commit", "DEALLOCATE ALL"}
	for range 1 + r.IntN(8) {
		text := texts[r.IntN(len(texts))]
		switch r.IntN(12) {
		case 0:
			b = append(b, queryMessage(text)...)
		case 1:
			b = append(append(b, message('S', "")...), queryMessage("DEALLOCATE "+[]string{"a", "b", "c"}[r.IntN(3)])...)
			b = append(b, message('S', "")...)
		case 2, 3:
			b = append(b, parseMessage(name(), text)...)
		case 4, 5, 6:
			b = append(append(b, bindMessage("", name())...), message('E', "\x00\x00\x00\x00\x00")...)
		case 7:
			b = append(b, message('D', "S"+name()+"\x00")...)
		case 8:
			b = append(b, message('C', "S"+name()+"\x00")...)
		case 9:
			b = append(b, message('H', "")...)
		default:
			b = append(b, message('S', "")...)
		}
	}
	return append(b, message('S', "")...)
}

// backends are server connections that are lent in any order.
type backends struct {
	models  []*model
	servers []*Server
}

// pooledClient plays a client through a Session over backends.
type pooledClient struct {
	t       *testing.T
	r       *rand.Rand
	session *Session
	pool    *backends
	at      int    // the backend that the session has
	in      []byte // from the client, not dealt with
	from    []byte // from the server, likewise
	got     []byte
	parks   int
}

// send shows the session what the client sends and returns what it gets.
func (c *pooledClient) send(b []byte) []byte {
	c.in = append(c.in, b...)
	c.got = nil
	for stuck := 0; stuck < 3; stuck++ {
		if c.clientStep() || c.serverStep() {
			stuck = -1
		}
	}
	if len(c.in) > 0 || len(c.from) > 0 {
		c.t.Fatalf("left over: %q from the client, %q from the server", c.in, c.from)
	}
	return c.got
}

func (c *pooledClient) clientStep() bool {
	if len(c.in) == 0 {
		return false
	}
	step, err := c.session.FromClient(c.in[:1+c.r.IntN(len(c.in))])
	if err == nil && !step.Moved() && step.Pause == None { // heads must come in the end
		step, err = c.session.FromClient(c.in)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	if step.Forward > 0 {
		c.from = append(c.from, c.pool.models[c.at].take(c.in[:step.Forward])...)
	}
	if len(step.Send) > 0 {
		c.from = append(c.from, c.pool.models[c.at].take(step.Send)...)
	}
	c.got = append(c.got, step.Answer...)
	c.in = c.in[step.Forward+step.Drop:]
	if step.Pause == NeedServer {
		c.at = c.r.IntN(len(c.pool.models))
		c.session.Attached(c.pool.servers[c.at])
		return true
	}
	return step.Moved()
}

func (c *pooledClient) serverStep() bool {
	if len(c.from) == 0 {
		return false
	}
	step, err := c.session.FromServer(c.from[:1+c.r.IntN(len(c.from))])
	if err == nil && !step.Moved() && step.Pause == None {
		step, err = c.session.FromServer(c.from)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.got = append(append(c.got, c.from[:step.Forward]...), step.Send...)
	c.from = c.from[step.Forward+step.Drop:]
	switch step.Pause {
	case Settle:
		c.session.Settled(nil)
		return true
	case Free:
		c.parks++
	}
	return step.Moved()
}

// What clients in transaction mode see of prepared statements is what each would
// see of a PostgreSQL of its own, whoever else uses the same server connections.
// Promises: C48, C49, C63, C65, C68, K3, K5, K9.
func TestPreparedStatementsLikePostgres(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		pool := &backends{}
		for range 1 + r.IntN(3) {
			pool.models = append(pool.models, newModel())
			pool.servers = append(pool.servers, &Server{})
		}
		config := &Config{MaxStatements: 1 + r.IntN(3)}
		type pair struct {
			client *pooledClient
			direct *model
		}
		var pairs []pair
		for range 3 {
			s := &Session{}
			s.Pool(config, Settings{})
			pairs = append(pairs, pair{&pooledClient{t: t, r: r, session: s, pool: pool}, newModel()})
		}
		var said []string
		parks := 0
		for range 60 {
			i := r.IntN(len(pairs))
			p := pairs[i]
			b := batch(r)
			if p.direct.status != 'I' {
				b = append(b, queryMessage("commit")...)
			}
			said = append(said, fmt.Sprintf("client %d: %q", i, b))
			want := p.direct.take(bytes.Clone(b))
			before := fmt.Sprintf("%+v", p.client.session.unnamed)
			got := p.client.send(b)
			if p.direct.status != 'I' { // nobody else may have the server meanwhile
				end := queryMessage("commit")
				want = append(want, p.direct.take(end)...)
				got = append(bytes.Clone(got), p.client.send(end)...)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("seed %d:\n%s\nbefore %s\ngot  %q\nwant %q", seed, strings.Join(said[max(0, len(said)-3):], "\n"), before, got, want)
			}
			if p.client.session.HasServer() {
				t.Fatalf("seed %d: the server connection is kept after\n%s", seed, said[len(said)-1])
			}
			parks += p.client.parks
		}
		if parks == 0 {
			t.Fatal("no server connection came back")
		}
		for i, m := range pool.models {
			if n := len(m.statements); n > config.MaxStatements+8 {
				t.Fatalf("seed %d: server %d has %d statements", seed, i, n)
			}
		}
	}
}
