package configs

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// environment sets what stands in env, a list of NAME=value.
func (l *loader) environment(env []string) {
	variables := make(map[string]string, len(env))
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	for _, s := range l.settings {
		name := s.variable()
		text, found := variables[name]
		path, fromFile := variables[name+"_FILE"]
		switch {
		case s.secret() && fromFile && found:
			l.complain(origin{source: name}, s.key, "is set, and so is "+name+"_FILE; set one of them")
		case s.secret() && fromFile:
			l.setFile(s, path, origin{source: name + "_FILE"})
		case found:
			l.setText(s, text, origin{source: name})
		}
	}
}

// overrides sets the values of flags.
func (l *loader) overrides(values map[string]string) {
	from := origin{source: "flag"}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if s, found := l.find(key); found {
			l.setText(s, values[key], from)
		} else {
			l.complainUnknown(from, key)
		}
	}
}

// setFile is setText with what stands in a file, without the line's end.
func (l *loader) setFile(s setting, path string, from origin) {
	content, err := os.ReadFile(path)
	if err != nil {
		l.complain(from, s.key, err.Error())
		return
	}
	l.setText(s, strings.TrimRight(string(content), "\r\n"), from)
}

// setText is set with a value in text form.
func (l *loader) setText(s setting, text string, from origin) {
	value, err := s.fromText(text)
	if err != nil {
		l.complain(from, s.key, err.Error())
		return
	}
	l.set(s, value, from)
}
