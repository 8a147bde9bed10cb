package configs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Load returns the configuration from the defaults, the TOML file at path (""
// for none), the environment, as os.Environ returns it, and overrides, which
// are flags by the full key of the setting; each wins over those before it.
//
// The variable of a setting is POSTERN_ and its key in capitals, with '_' for
// '.': POSTERN_WAKE_PROCESS_PG_USER. For a secret, the same with _FILE behind
// names a file that holds the value. Other variables are left alone. An error is
// an Error with everything that is wrong, or one from reading a file.
func Load(path string, env []string, overrides map[string]string) (Config, error) {
	return Default().Overlay(path, env, overrides)
}

// Overlay is Load with c in place of the defaults.
func (c Config) Overlay(path string, env []string, overrides map[string]string) (Config, error) {
	l := newLoader(&c)
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		l.file(path, string(text))
	}
	l.environment(env)
	l.overrides(overrides)
	for key, err := range c.check() {
		l.complain(l.origins[key], key, err.Error())
	}
	if err := l.problems.sorted(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// loader fills the settings of one Config.
type loader struct {
	settings []setting
	problems Error
	// origins tells by key where a value came from.
	origins map[string]origin
}

// origin is where a value came from.
type origin struct {
	source string // as in Problem
	// The document and where in it, if it came from one.
	text  string
	path  []string
	value any
}

func newLoader(c *Config) *loader {
	return &loader{settings: settings(c), origins: map[string]origin{}}
}

func (l *loader) find(key string) (setting, bool) {
	i := slices.IndexFunc(l.settings, func(s setting) bool { return s.key == key })
	if i < 0 {
		return setting{}, false
	}
	return l.settings[i], true
}

// set assigns value to s and keeps the error, if there is one.
func (l *loader) set(s setting, value any, from origin) {
	l.origins[s.key] = from
	if err := s.assign(value); err != nil {
		l.complain(from, s.key, err.Error())
	}
}

// complain keeps a problem. Only then is the line looked for, which is slow.
func (l *loader) complain(from origin, key, message string) {
	problem := Problem{Source: from.source, Key: key, Message: message}
	if from.text != "" {
		problem.Line = lineOf(from.text, from.path, from.value)
	}
	l.problems = append(l.problems, problem)
}

func (l *loader) complainUnknown(from origin, key string) {
	l.complain(from, key, fmt.Sprintf("unknown key; the nearest known one is %q", nearest(key, l.known())))
}

// file sets what stands in a TOML document.
func (l *loader) file(name, text string) {
	var document map[string]any
	if _, err := toml.Decode(text, &document); err != nil {
		problem := Problem{Source: name, Message: err.Error()}
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			problem.Line, problem.Message = syntax.Position.Line, syntax.Message
		}
		l.problems = append(l.problems, problem)
		return
	}
	l.table(name, text, nil, document)
}

func (l *loader) table(name, text string, path []string, table map[string]any) {
	for part, value := range table {
		path := append(slices.Clone(path), part)
		key := strings.Join(path, ".")
		from := origin{source: name, text: text, path: path, value: value}
		below, isTable := value.(map[string]any)
		if s, found := l.find(key); found {
			l.set(s, value, from)
		} else if !l.isTable(key) {
			l.complainUnknown(from, key)
		} else if !isTable {
			l.complain(from, key, mustBe("a table", value).Error())
		} else {
			l.table(name, text, path, below)
		}
	}
}

// isTable reports whether there are settings below key.
func (l *loader) isTable(key string) bool {
	return slices.ContainsFunc(l.settings, func(s setting) bool { return strings.HasPrefix(s.key, key+".") })
}

// known returns the keys of all settings and tables.
func (l *loader) known() []string {
	var keys []string
	for _, s := range l.settings {
		for i, c := range s.key {
			if table := s.key[:i]; c == '.' && !slices.Contains(keys, table) {
				keys = append(keys, table)
			}
		}
		keys = append(keys, s.key)
	}
	return keys
}
