package configs

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// contract holds the defaults that users rely on, typed by hand.
const contract = `
listen.postgres = "127.0.0.1:6432"
listen.unix_socket_dir = ""
listen.proxy_protocol_from = []
listen.peer_address = ""
tls.mode = "allow"
tls.certificates = []
tls.client_ca = ""
tls.min_version = "1.2"
catalog.store = "postgres"
catalog.url = ""
catalog.dir = ""
catalog.poll_interval = "5s"
catalog.negative_ttl = "1s"
catalog.snapshot = ""
catalog.lease = "15s"
router.domains = []
router.separator = "."
router.region = "local"
auth.hide_unknown_tenants = true
auth.admin_users = {}
auth.stats_users = {}
auth.secret_file = ""
pool.pool_mode = "transaction"
pool.default_pool_size = 20
pool.min_pool_size = 0
pool.reserve_pool_size = 0
pool.reserve_pool_timeout = "5s"
pool.max_db_connections = 0
pool.max_server_connections = 0
pool.max_prepared_statements = 200
pool.server_idle_timeout = "10m"
pool.server_lifetime = "1h"
pool.server_connect_timeout = "15s"
pool.query_wait_timeout = "2m"
pool.engine = "auto"
pool.pin = true
pool.answer_empty_query = false
pool.reset = "pinned"
limits.max_client_conn = 10000
limits.client_login_timeout = "1m"
limits.client_idle_timeout = "0s"
limits.idle_transaction_timeout = "0s"
limits.transaction_timeout = "0s"
limits.query_timeout = "0s"
wake.idle_timeout = "5m"
wake.timeout = "30s"
wake.max_concurrent = 0
wake.max_awake = 0
wake.max_pin_idle = "0s"
wake.provision_unknown = false
wake.provision_unknown_verifier = ""
wake.provision_unknown_rate = 10
wake.ignore_application_names = []
wake.process.data_dir = ""
wake.process.pg_user = "postgres"
wake.process.freeze_after = "0s"
wake.process.prepared = 2
wake.process.spares = 0
wake.process.uid_base = 0
wake.process.keep_deleted = "7d"
wake.process.extensions = []
wake.process.postgres = {}
meter.window = "10s"
meter.sync = "1s"
meter.top_n = 100
http.listen = "127.0.0.1:6480"
log.level = "info"
log.format = ""
drain.grace = "0s"
drain.timeout = "10s"
`

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := Default()
	got := "\n"
	for _, s := range settings(&c) {
		got += fmt.Sprintf("%s = %s\n", s.key, format(s.field, false))
	}
	if got != contract {
		t.Errorf("defaults are\n%s\nwant\n%s", got, contract)
	}
	if keys := c.NotYet(); keys != nil {
		t.Errorf("the defaults set %q", keys)
	}
}

func TestExampleIsTheDefault(t *testing.T) {
	t.Parallel()
	got, err := Load("postern.toml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	wanted := settings(&want)
	for i, s := range settings(&got) {
		if !equal(s.field, wanted[i].field) {
			t.Errorf("%s is %v, want %v", s.key, s.field, wanted[i].field)
		}
	}
}

// TestExampleShowsEverySetting reads postern.toml as a person does: a comment,
// then the setting.
func TestExampleShowsEverySetting(t *testing.T) {
	t.Parallel()
	comments := map[string]string{}
	table, comment := "", ""
	for line := range strings.Lines(Example) {
		line = strings.TrimSpace(line)
		name, _, isSetting := strings.Cut(line, " = ")
		switch {
		case strings.HasPrefix(line, "#"):
			comment += line + "\n"
			continue
		case strings.HasPrefix(line, "["):
			table = strings.Trim(line, "[]") + "."
		case isSetting:
			comments[table+name] = comment
		}
		comment = ""
	}
	c := Default()
	for _, s := range settings(&c) {
		comment, found := comments[s.key]
		delete(comments, s.key)
		later := strings.Contains(comment, "Not yet in effect.")
		secret := strings.Contains(comment, "[secret]")
		restart := strings.Contains(comment, "Needs a restart.")
		switch {
		case !found:
			t.Errorf("%s is missing", s.key)
		case comment == "":
			t.Errorf("%s has no comment", s.key)
		case later != (s.tag.Get("later") != ""):
			t.Errorf("%s: the comment says not yet in effect: %v", s.key, later)
		case restart == s.changeable():
			t.Errorf("%s: the comment says that it needs a restart: %v", s.key, restart)
		case secret != s.secret():
			t.Errorf("%s: the comment says secret: %v", s.key, secret)
		}
	}
	for key := range comments {
		t.Errorf("%s is no setting", key)
	}
}

// TestSettingsAreSound checks the struct itself.
func TestSettingsAreSound(t *testing.T) {
	t.Parallel()
	c := Default()
	variables := map[string]string{}
	for _, s := range settings(&c) {
		if strings.HasSuffix(s.key, ".") {
			t.Errorf("a field below %s has no toml tag", s.key)
		}
		if other := variables[s.variable()]; other != "" {
			t.Errorf("%s and %s have the same variable", s.key, other)
		}
		variables[s.variable()] = s.key
		if _, isDuration := s.field.Interface().(Duration); s.field.Kind() == reflect.Int64 && !isDuration {
			t.Errorf("%s has a type that cannot be read", s.key)
		}
		if least := s.tag.Get("min"); least != "" {
			if _, err := ParseDuration(least); err != nil {
				t.Errorf("%s: tag min: %v", s.key, err)
			}
		}
	}
}

func TestNotYet(t *testing.T) {
	t.Parallel()
	c, err := Load("", []string{"POSTERN_LISTEN_PROXY_PROTOCOL_FROM=10.0.0.1", "POSTERN_WAKE_TIMEOUT=1s", "POSTERN_WAKE_PROCESS_UID_BASE=1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.NotYet()); got != "[listen.proxy_protocol_from wake.process.uid_base]" {
		t.Errorf("got %s", got)
	}
}
