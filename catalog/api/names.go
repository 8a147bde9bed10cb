package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// maxIdentifier is the longest name PostgreSQL keeps whole, in bytes
// (NAMEDATALEN - 1).
const maxIdentifier = 63

// settingsOfPostern are the server settings that the driver itself depends on.
var settingsOfPostern = []string{
	"config_file", "data_directory", "external_pid_file", "hba_file", "ident_file",
	"listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions",
}

var (
	hostnamePattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	keyPattern      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$`)
	// verifierPattern is how PostgreSQL writes rolpassword.
	verifierPattern = regexp.MustCompile(`^SCRAM-SHA-256\$[1-9][0-9]*:[A-Za-z0-9+/]+=*\$[A-Za-z0-9+/]+=*:[A-Za-z0-9+/]+=*$`)
	settingPattern  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$`)
)

// checkIdentifier checks the name of a new role or database.
func checkIdentifier(what, name string) error {
	switch {
	case name == "":
		return problemf(http.StatusUnprocessableEntity, "the %s has no name", what)
	case len(name) > maxIdentifier:
		return problemf(http.StatusUnprocessableEntity, "the name of the %s is longer than %d bytes", what, maxIdentifier)
	case strings.ContainsRune(name, 0):
		return problemf(http.StatusUnprocessableEntity, "the name of the %s holds a zero byte", what)
	}
	return nil
}

// checkRole refuses the roles that are not the tenant's own.
func checkRole(name string) error {
	if name == "postgres" || name == "public" || name == "none" || strings.HasPrefix(name, "pg_") {
		return problemf(http.StatusForbidden, "role %q belongs to PostgreSQL or Postern", name)
	}
	return checkIdentifier("role", name)
}

// checkDatabase refuses the databases that are not the tenant's own.
func checkDatabase(name string) error {
	if name == "postgres" || name == "template0" || name == "template1" {
		return problemf(http.StatusForbidden, "database %q belongs to PostgreSQL", name)
	}
	return checkIdentifier("database", name)
}

// checkHostnames returns names in lower case, sorted, each once.
func checkHostnames(names []string) ([]string, error) {
	checked := make([]string, 0, len(names))
	for _, name := range names {
		lower := strings.TrimSuffix(strings.ToLower(name), ".")
		if len(lower) > 253 || !hostnamePattern.MatchString(lower) {
			return nil, problemf(http.StatusUnprocessableEntity, "%q is not a full host name", name)
		}
		checked = append(checked, lower)
	}
	slices.Sort(checked)
	return slices.Compact(checked), nil
}

// checkKeys checks the keys of labels or of an application's settings.
func checkKeys(what string, values map[string]string) error {
	for key, value := range values {
		if !keyPattern.MatchString(key) {
			return problemf(http.StatusUnprocessableEntity, "%s key %q may hold only letters, digits and ._/- (at most 63)", what, key)
		}
		if strings.ContainsRune(value, 0) {
			return problemf(http.StatusUnprocessableEntity, "%s %q holds a zero byte", what, key)
		}
	}
	return nil
}

// checkPostgres checks server settings by name; what they may be, PostgreSQL
// itself says at the next start.
func checkPostgres(settings map[string]string) error {
	for name, value := range settings {
		switch {
		case !settingPattern.MatchString(name):
			return problemf(http.StatusUnprocessableEntity, "%q is not the name of a server setting", name)
		case slices.Contains(settingsOfPostern, strings.ToLower(name)):
			return problemf(http.StatusForbidden, "server setting %q is Postern's own", name)
		case strings.ContainsAny(value, "\x00\r\n"):
			return problemf(http.StatusUnprocessableEntity, "server setting %q is more than one line", name)
		}
	}
	return nil
}
