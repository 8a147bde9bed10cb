package process

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// confName is the file in a data directory that Postern owns; postgresql.conf
// includes it at its end.
const confName = "postern.conf"

// lean are the settings of an instance that is one of thousands on its machine
// and starts often. Durability stays as PostgreSQL has it.
func lean(major int) map[string]string {
	s := map[string]string{
		"listen_addresses":           "",
		"unix_socket_permissions":    "0700",
		"max_connections":            "50",
		"shared_buffers":             "16MB", // is touched at each start: a gigabyte costs as long as the start itself
		"huge_pages":                 "off",
		"dynamic_shared_memory_type": "mmap", // leaves nothing in /dev/shm
		"jit":                        "off",
		"max_files_per_process":      "100", // is probed at each start
		"update_process_title":       "off",
		"logging_collector":          "off", // the log is how a start is noticed
		"lc_messages":                "C",

		"max_worker_processes":            "2",
		"max_parallel_workers":            "0",
		"max_parallel_workers_per_gather": "0",
		"max_logical_replication_workers": "0",
		"max_wal_senders":                 "2",
		"autovacuum_max_workers":          "1",

		"wal_level":                 "replica",
		"wal_recycle":               "off",
		"min_wal_size":              "2MB",
		"max_wal_size":              "64MB", // bounds recovery: 4 to 5 ms a megabyte
		"recovery_init_sync_method": "syncfs",
		"temp_file_limit":           "10GB", // of one session: a join gone wrong fills no disk that others share

		// An idle instance hardly wakes the processor.
		"bgwriter_delay":     "10s",
		"wal_writer_delay":   "2s", // matters with synchronous_commit = off alone
		"autovacuum_naptime": "300s",
		"checkpoint_timeout": "30min",
	}
	if major >= 18 {
		s["io_method"] = "sync" // three processes fewer
	}
	return s
}

// reserved are what an instance's place in Postern depends on.
var reserved = []string{
	"config_file", "data_directory", "external_pid_file", "hba_file", "ident_file",
	"include", "include_dir", "include_if_exists",
	"lc_messages", "listen_addresses", "logging_collector", "port",
	"unix_socket_directories", "unix_socket_group", "unix_socket_permissions",
}

var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)

// CheckSettings says which of a tenant's server settings cannot be: a name that
// is none or that Postern keeps for itself, a value of several lines. Whether
// PostgreSQL knows them shows only when it starts.
func CheckSettings(settings map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		switch {
		case !settingName.MatchString(name):
			return fmt.Errorf("setting %q: not the name of a server setting (lower case)", name)
		case slices.Contains(reserved, name):
			return fmt.Errorf("setting %q is kept for Postern itself", name)
		case strings.ContainsAny(settings[name], "\n\r\x00"):
			return fmt.Errorf("setting %q: its value has several lines", name)
		}
	}
	return nil
}

// conf is the text of postern.conf: lean, then what the operator gave for all
// and for this tenant.
func conf(major int, given ...map[string]string) string {
	all := lean(major)
	for _, settings := range given {
		maps.Copy(all, settings)
	}
	var b strings.Builder
	b.WriteString("# Written by Postern at each start; changes here are lost.\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, confEscape.Replace(all[name]))
	}
	return b.String()
}

var confEscape = strings.NewReplacer(`\`, `\\`, `'`, `''`)
