package admin

import (
	"context"
	"slices"
)

// Setting is one setting of the configuration.
type Setting struct {
	// Key is PgBouncer's name where PgBouncer has the setting, else the path in
	// the file, as in "wake.idle_timeout".
	Key string
	// Value and Default are as PgBouncer writes them where it has the setting
	// (durations as seconds), else as in the file.
	Value, Default string
	// Changeable: a reload changes it, no restart is needed.
	Changeable bool
}

// unlimited are settings that PgBouncer has and exporters read as numbers, while
// Postern has no such limit.
var unlimited = [...]string{"max_user_connections"}

func settingColumns() []column { return text("key", "value", "default", "changeable") }

func (c *Console) settingRows(context.Context) ([]row, error) {
	var settings []Setting
	if c.config.Settings != nil {
		settings = c.config.Settings()
	}
	for _, key := range unlimited {
		if !slices.ContainsFunc(settings, func(s Setting) bool { return s.Key == key }) {
			settings = append(settings, Setting{Key: key, Value: "0", Default: "0"})
		}
	}
	rows := make([]row, 0, len(settings))
	for _, s := range settings {
		changeable := "no"
		if s.Changeable {
			changeable = "yes"
		}
		rows = append(rows, row{s.Key, s.Value, s.Default, changeable})
	}
	return rows, nil
}
