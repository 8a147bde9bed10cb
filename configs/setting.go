package configs

import (
	"reflect"
	"strings"
)

// setting is one key of a configuration and the field behind it.
type setting struct {
	key   string // "wake.process.pg_user"
	field reflect.Value
	tag   reflect.StructTag
}

// settings returns every setting of c, in the order of the documentation.
func settings(c *Config) []setting {
	return appendSettings(nil, "", reflect.ValueOf(c).Elem())
}

func appendSettings(all []setting, table string, fields reflect.Value) []setting {
	for i := range fields.NumField() {
		field := fields.Type().Field(i)
		s := setting{key: table + field.Tag.Get("toml"), field: fields.Field(i), tag: field.Tag}
		if field.Type.Kind() == reflect.Struct {
			all = appendSettings(all, s.key+".", s.field)
		} else {
			all = append(all, s)
		}
	}
	return all
}

// variable is the name of the setting's environment variable.
func (s setting) variable() string {
	return "POSTERN_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

func (s setting) secret() bool { return s.tag.Get("secret") != "" }

// NotYet returns the keys that differ from the default although nothing in
// this version obeys them, for a warning at the start.
func (c Config) NotYet() []string {
	standard := Default()
	var keys []string
	defaults := settings(&standard)
	for i, s := range settings(&c) {
		if s.tag.Get("later") != "" && !equal(s.field, defaults[i].field) {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// equal compares two fields; an empty list is the same as none.
func equal(a, b reflect.Value) bool {
	if k := a.Kind(); (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
