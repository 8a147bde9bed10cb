package configs

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Hidden stands for a secret in what Show writes.
const Hidden = "(hidden)"

// Show writes every setting with its value as TOML, secrets hidden. Where there
// are none, Load reads the same configuration from it.
func (c Config) Show(w io.Writer) error {
	var b strings.Builder
	table := ""
	for _, s := range settings(&c) {
		dot := strings.LastIndex(s.key, ".")
		if s.key[:dot] != table {
			if table != "" {
				b.WriteByte('\n')
			}
			table = s.key[:dot]
			fmt.Fprintf(&b, "[%s]\n", table)
		}
		fmt.Fprintf(&b, "%s = %s\n", s.key[dot+1:], format(s.field, s.secret()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// format returns a value in TOML, on one line. Of a secret only the emptiness
// and, in a table, the names are shown.
func format(value reflect.Value, secret bool) string {
	var parts []string
	switch value.Kind() {
	case reflect.Slice:
		for i := range value.Len() {
			parts = append(parts, format(value.Index(i), secret))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		table := value.Interface().(map[string]string)
		for _, name := range slices.Sorted(maps.Keys(table)) {
			parts = append(parts, quoteKey(name)+" = "+format(reflect.ValueOf(table[name]), secret))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Struct:
		for i := range value.NumField() {
			name := value.Type().Field(i).Tag.Get("toml")
			parts = append(parts, name+" = "+format(value.Field(i), secret))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.String:
		if secret && value.Len() > 0 {
			return quote(Hidden)
		}
		return quote(value.String())
	}
	if text, ok := value.Interface().(fmt.Stringer); ok { // Duration, Size
		return quote(text.String())
	}
	return fmt.Sprint(value.Interface())
}

// quote returns s as a TOML string.
func quote(s string) string {
	line, err := toml.Marshal(map[string]string{"s": s})
	if err != nil { // only for types that TOML does not have
		panic(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(line), "s = "), "\n")
}

// quoteKey returns s as a TOML key, without quotes where none are needed.
func quoteKey(s string) string {
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return !isAlphanumeric(c) && c != '-' && c != '_' }) {
		return quote(s)
	}
	return s
}
