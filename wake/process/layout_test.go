package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/superuser"
)

func TestLayout(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.Settings = map[string]string{"work_mem": "3MB", "random_page_cost": "2"} })
	tenant := drivertest.Tenant(t, "acme")
	tenant.Postgres = map[string]string{"work_mem": "7MB", "postern.note": `it's a \ test`}
	e := awake(t, d, tenant)
	dir := filepath.Join(d.config.DataDir, "tenants", "acme")
	if want := dir + "/.s.PGSQL.5432"; e.Address != want || e.Network != "unix" {
		t.Errorf("address %s, want %s", e.Address, want)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of %s: %v, %v", dir, info.Mode(), err)
	}
	for _, name := range []string{"data", "postgres.log", "lock"} {
		path := filepath.Join(dir, name)
		if err := d.config.User.CheckOwner(path); err != nil {
			t.Error(err)
		}
	}
	root := drivertest.Connect(t, e, drivertest.Login{Role: e.Superuser, Database: "postgres"})
	for name, want := range map[string]string{
		"work_mem": "7MB", "random_page_cost": "2", "postern.note": `it's a \ test`,
		"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "wal_segment_size": "1MB",
	} {
		if got := drivertest.Query(t, root, "SELECT current_setting('"+name+"')"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	hba := drivertest.Query(t, root, `SELECT string_agg(concat_ws(' ', type, array_to_string(database, ','), array_to_string(user_name, ','), auth_method, array_to_string(options, ',')), '; ' ORDER BY line_number) FROM pg_hba_file_rules`)
	if want := "local all postgres peer map=postern; local all all scram-sha-256"; hba != want {
		t.Errorf("pg_hba.conf is %q, want %q", hba, want)
	}

	s, err := d.Status(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	if s.Details["data_dir"] != dir+"/data" || s.Details["socket_dir"] != dir || s.Details["port"] != 5432 ||
		s.Details["postgres_version"] != d.config.Installations[0].Version || s.Log != dir+"/postgres.log" {
		t.Errorf("status %+v", s)
	}
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.Details["pid"].(int)), "cmdline"))
	if want := d.config.Installations[0].BinDir + "/postgres\x00-D\x00" + dir + "/data\x00"; err != nil || !strings.HasPrefix(string(line), want) {
		t.Errorf("command line %q, %v", line, err)
	}
}

func TestLongSocketPath(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.DataDir = filepath.Join(c.DataDir, strings.Repeat("d", 40)) })
	tenant := drivertest.Tenant(t, catalog.TenantID("acme-"+strings.Repeat("x", 50)))
	e := awake(t, d, tenant)
	relative, err := filepath.Rel(d.config.DataDir, e.Address)
	if err != nil || !strings.HasPrefix(relative, "s/") || len(relative) != len("s/0123456789abcdef/.s.PGSQL.5432") {
		t.Fatalf("address %s, %v", e.Address, err)
	}
	drivertest.Connect(t, e, drivertest.App())
	if err := d.Destroy(t.Context(), tenant, false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(e.Address)); err == nil {
		t.Error("the socket's directory was left")
	}
	if err := d.Restore(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	rouse(t, d, tenant)
}

func TestFixed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(drivertest.Dir(t), "catalog")
	config := FixedConfig{Dir: dir, Database: "postern", Installations: drivertest.Installations(t), User: drivertest.User(t)}
	var runs []string
	var last wake.Endpoint
	for range 2 {
		f, err := NewFixed(config)
		if err != nil {
			t.Fatal(err)
		}
		last, err = f.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, last.Run)
		conn, err := superuser.Connect(t.Context(), last, "postern")
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		f.Release()
	}
	if runs[0] != runs[1] {
		t.Errorf("not adopted: %v", runs)
	}
	f, err := NewFixed(config)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if pid := f.PID(); pid != 0 {
		t.Errorf("process %d was left", pid)
	}
}
