package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"postern/configs"
	"postern/proxy/admin"
)

// pgbouncerSettings are the settings that PgBouncer has by the same name. SHOW
// CONFIG lists them by that name alone, and durations as seconds, as exporters and
// scripts look for them.
var pgbouncerSettings = [...]string{
	"unix_socket_dir", "admin_users", "stats_users",
	"pool_mode", "default_pool_size", "min_pool_size", "reserve_pool_size", "reserve_pool_timeout", "max_db_connections",
	"max_prepared_statements", "server_idle_timeout", "server_lifetime", "server_connect_timeout", "query_wait_timeout",
	"max_client_conn", "client_login_timeout", "client_idle_timeout", "idle_transaction_timeout", "transaction_timeout", "query_timeout",
}

// consoleSettings returns what SHOW CONFIG lists of config. changeable tells
// which keys a reload changes; nil for none.
func consoleSettings(config configs.Config, changeable func(key string) bool) []admin.Setting {
	defaults := map[string]string{}
	for key, value := range shownSettings(configs.Default()) {
		defaults[key] = value
	}
	var settings []admin.Setting
	for key, value := range shownSettings(config) {
		setting := admin.Setting{Key: key, Value: value, Default: defaults[key], Changeable: changeable != nil && changeable(key)}
		if name := key[strings.LastIndex(key, ".")+1:]; slices.Contains(pgbouncerSettings[:], name) {
			setting.Key = name
			setting.Value, setting.Default = inSeconds(setting.Value), inSeconds(setting.Default)
		}
		settings = append(settings, setting)
	}
	return settings
}

// shownSettings yields each setting's path and value as Show tells them, which
// hides secrets.
func shownSettings(config configs.Config) func(yield func(key, value string) bool) {
	return func(yield func(key, value string) bool) {
		var text strings.Builder
		config.Show(&text) // a Builder takes everything
		table := ""
		for line := range strings.Lines(text.String()) {
			line = strings.TrimSpace(line)
			if name, ok := strings.CutPrefix(line, "["); ok {
				table = strings.TrimSuffix(name, "]") + "."
				continue
			}
			name, _, ok := strings.Cut(line, " = ")
			if ok && !yield(table+name, settingText(line, name)) {
				return
			}
		}
	}
}

// settingText returns the value in a line of TOML as one reads it in a table.
func settingText(line, name string) string {
	var document map[string]any
	if _, err := toml.Decode(line, &document); err != nil {
		return ""
	}
	return plainText(document[name])
}

// plainText returns a value without the marks of TOML, and of what is hidden
// nothing.
func plainText(value any) string {
	var texts []string
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			texts = append(texts, plainText(element))
		}
	case []map[string]any:
		for _, element := range value {
			texts = append(texts, plainText(element))
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if value[key] != configs.Hidden {
				key += "=" + plainText(value[key])
			}
			texts = append(texts, key)
		}
	default:
		return fmt.Sprint(value)
	}
	return strings.Join(texts, ", ")
}

// inSeconds returns a duration as seconds, and anything else as it is.
func inSeconds(value string) string {
	d, err := configs.ParseDuration(value)
	if err != nil {
		return value
	}
	return fmt.Sprint(time.Duration(d).Seconds())
}
