package configs

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/BurntSushi/toml"
)

// lineOf returns the line on which path is set to value in a TOML document, 0
// if it cannot be told. The decoder names lines only in errors, so it is made
// to fail at that key.
func lineOf(text string, path []string, value any) int {
	target := reflect.TypeFor[failing]()
	for _, name := range slices.Backward(path) {
		target = reflect.StructOf([]reflect.StructField{{
			Name: "Key",
			Type: target,
			Tag:  reflect.StructTag(fmt.Sprintf("toml:%q", name)),
		}})
	}
	_, err := toml.Decode(text, reflect.New(target).Interface())
	var failed toml.ParseError
	if errors.As(err, &failed) && failed.Position.Line > 0 {
		return failed.Position.Line
	}
	// A table that stands nowhere by itself, as a in "a.b = 1", is where the
	// first key below it is.
	table, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if line := lineOf(text, append(slices.Clone(path), name), table[name]); line > 0 {
			return line
		}
	}
	return 0
}

// failing is a value that the decoder cannot read.
type failing struct{}

func (*failing) UnmarshalTOML(any) error { return errors.New("found") }
