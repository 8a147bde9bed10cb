package configs

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// assign sets the setting to value, which is of a type that the TOML decoder
// produces. After an error the field is as before.
func (s setting) assign(value any) error {
	parsed := reflect.New(s.field.Type())
	if err := convert(parsed.Elem(), value); err != nil {
		return err
	}
	if err := s.inRange(parsed.Elem()); err != nil {
		return err
	}
	s.field.Set(parsed.Elem())
	return nil
}

// convert stores value in field without losing anything.
func convert(field reflect.Value, value any) error {
	if u, ok := field.Addr().Interface().(toml.Unmarshaler); ok {
		return u.UnmarshalTOML(value)
	}
	switch field.Kind() {
	case reflect.String:
		text, ok := value.(string)
		if !ok {
			return mustBe("a string", value)
		}
		field.SetString(text)
	case reflect.Bool:
		truth, ok := value.(bool)
		if !ok {
			return mustBe("true or false", value)
		}
		field.SetBool(truth)
	case reflect.Int:
		number, ok := value.(int64)
		if !ok {
			return mustBe("a whole number", value)
		}
		field.SetInt(number)
	case reflect.Slice:
		return convertList(field, value)
	case reflect.Map:
		return convertMap(field, value)
	case reflect.Struct:
		return convertTable(field, value)
	}
	return nil
}

func convertList(field reflect.Value, value any) error {
	elements := reflect.ValueOf(value)
	if elements.Kind() != reflect.Slice {
		return mustBe("a list", value)
	}
	for i := range elements.Len() {
		element := reflect.New(field.Type().Elem()).Elem()
		if err := convert(element, elements.Index(i).Interface()); err != nil {
			return fmt.Errorf("element %d: %w", i+1, err)
		}
		field.Set(reflect.Append(field, element))
	}
	return nil
}

// convertMap reads a table of names and strings. Numbers and truth values stand
// for their text, so that Postgres settings need no quotes.
func convertMap(field reflect.Value, value any) error {
	table, ok := value.(map[string]any)
	if !ok {
		return mustBe(`a table of name = "value"`, value)
	}
	result := make(map[string]string, len(table))
	for name, v := range table {
		switch v.(type) {
		case string, int64, float64, bool:
			result[name] = fmt.Sprint(v)
		default:
			return fmt.Errorf("%s: %w", name, mustBe("a string", v))
		}
	}
	field.Set(reflect.ValueOf(result))
	return nil
}

// convertTable reads a table that stands in a list.
func convertTable(field reflect.Value, value any) error {
	table, ok := value.(map[string]any)
	if !ok {
		return mustBe("a table", value)
	}
	var known []string
	for i := range field.NumField() {
		name := field.Type().Field(i).Tag.Get("toml")
		known = append(known, name)
		if v, found := table[name]; found {
			if err := convert(field.Field(i), v); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for name := range table {
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown key %q; the nearest known one is %q", name, nearest(name, known))
		}
	}
	return nil
}

// inRange checks the tags oneof and min.
func (s setting) inRange(value reflect.Value) error {
	if list, found := s.tag.Lookup("oneof"); found {
		if allowed := strings.Split(list, ","); !slices.Contains(allowed, value.String()) {
			return fmt.Errorf("%q is none of %q", value, allowed)
		}
	}
	switch v := value.Interface().(type) {
	case int:
		if v < 0 {
			return fmt.Errorf("%d is less than 0", v)
		}
	case Duration:
		if least, err := ParseDuration(s.tag.Get("min")); err == nil && v < least {
			return fmt.Errorf("%q is less than %q", v, least)
		}
	}
	return nil
}

// fromText makes of the text of a flag or an environment variable what the TOML
// decoder would have made of the value. Lists and tables may be written as in
// TOML, or as "a,b" and "name=value,name=value".
func (s setting) fromText(text string) (any, error) {
	switch kind := s.field.Kind(); {
	case !utf8.ValidString(text):
		return nil, errors.New("is not UTF-8")
	case kind == reflect.Bool:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("%q must be true or false", text)
		}
		return text == "true", nil
	case kind == reflect.Int:
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q must be a whole number", text)
		}
		return number, nil
	case kind != reflect.Slice && kind != reflect.Map:
		return text, nil
	case strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{"):
		var document map[string]any
		if _, err := toml.Decode("value = "+text, &document); err != nil {
			return nil, errors.New("must be a list or table as in TOML")
		}
		return document["value"], nil
	case kind == reflect.Slice:
		list := []any{}
		for element := range strings.SplitSeq(text, ",") {
			if element = strings.TrimSpace(element); element != "" {
				list = append(list, element)
			}
		}
		return list, nil
	}
	table := map[string]any{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(pair, "=")
		if name = strings.TrimSpace(name); found && name != "" {
			table[name] = strings.TrimSpace(value)
		} else if strings.TrimSpace(pair) != "" {
			return nil, errors.New("must be name=value,name=value")
		}
	}
	return table, nil
}

// mustBe says what was expected and what was found, never the value: it may be
// a secret.
func mustBe(expected string, found any) error {
	return fmt.Errorf("must be %s, not %s", expected, describe(found))
}

func describe(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case map[string]any:
		return "a table"
	}
	if reflect.ValueOf(value).Kind() == reflect.Slice {
		return "a list"
	}
	return "a date or time"
}
