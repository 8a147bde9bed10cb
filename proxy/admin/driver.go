package admin

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"postern/proxy/wire"
)

// Drivers and pools send some SQL of their own accord. It is answered here as far
// as they need it; this is no SQL server.

// planSelect answers SELECT with a number, which pools ask to see whether a
// connection lives.
func (s *Session) planSelect(arguments statement) (*plan, error) {
	if len(arguments) != 1 {
		return nil, notSupported("SELECT", "The console knows no SQL; SHOW HELP lists the commands.")
	}
	number, err := strconv.ParseInt(arguments[0].text, 10, 32)
	if err != nil {
		return nil, notSupported("SELECT", "The console knows no SQL; SHOW HELP lists the commands.")
	}
	return &plan{tag: "SELECT 1", columns: integer("?column?"), run: func(context.Context) ([]row, error) {
		return []row{{number}}, nil
	}}, nil
}

// sessionSettings are those of PostgreSQL that drivers set when they connect. Here
// they change nothing.
var sessionSettings = [...]string{
	"application_name", "bytea_output", "client_encoding", "client_min_messages", "datestyle", "extra_float_digits",
	"idle_in_transaction_session_timeout", "intervalstyle", "lock_timeout", "names", "search_path",
	"standard_conforming_strings", "statement_timeout", "time", "timezone",
}

func (s *Session) planSet(arguments statement) (*plan, error) {
	if len(arguments) > 1 && (arguments[0].is("SESSION") || arguments[0].is("LOCAL")) {
		arguments = arguments[1:]
	}
	switch {
	case len(arguments) < 2:
		return nil, syntaxError("SET needs a name and a value")
	case slices.Contains(sessionSettings[:], strings.ToLower(arguments[0].text)):
		return &plan{tag: "SET"}, nil
	case !s.login.Admin:
		return nil, notPermitted("SET")
	}
	return nil, &wire.Error{
		Code:    wire.FeatureNotSupported,
		Message: "the console cannot change settings",
		Hint:    "Change the configuration file, then RELOAD.",
		Kind:    "console",
	}
}

func (s *Session) planDiscard(arguments statement) (*plan, error) {
	if len(arguments) != 1 || !arguments[0].is("ALL") {
		return nil, syntaxError("the console knows DISCARD ALL only")
	}
	return &plan{tag: "DISCARD ALL"}, nil
}
