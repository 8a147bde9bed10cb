package router

import (
	"errors"
	"maps"
	"testing"

	"postern/catalog"
)

func options(s string) map[string]string { return map[string]string{"options": s} }

// Promises: K10.
func TestIdentify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		hello Hello
		want  Identity
	}{
		// One carrier.
		{"user", Hello{User: "app.acme"},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app"}},
		{"user in capitals: the tenant is folded, the role is not", Hello{User: "App.ACME"},
			Identity{Tenant: "acme", Carrier: "user", Role: "App", Database: "App"}},
		{"user with a dot in the role", Hello{User: "first.last.acme"},
			Identity{Tenant: "acme", Carrier: "user", Role: "first.last", Database: "first.last"}},
		{"database as libpq fills it in", Hello{User: "app.acme", Database: "app.acme"},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app"}},
		{"sni", Hello{User: "app", ServerName: "acme.db.example.com"},
			Identity{Tenant: "acme", Carrier: "sni", Role: "app", Database: "app"}},
		{"sni in capitals with a dot", Hello{User: "app", ServerName: "ACME.Db.Example.Com."},
			Identity{Tenant: "acme", Carrier: "sni", Role: "app", Database: "app"}},
		{"sni of the shorter domain", Hello{User: "app", ServerName: "acme.example.com"},
			Identity{Tenant: "acme", Carrier: "sni", Role: "app", Database: "app"}},
		{"sni of a domain configured in capitals", Hello{User: "app", ServerName: "acme.other.test"},
			Identity{Tenant: "acme", Carrier: "sni", Role: "app", Database: "app"}},
		{"sni pooler", Hello{User: "app", ServerName: "acme-pooler.db.example.com"},
			Identity{Tenant: "acme", Carrier: "sni", Role: "app", Database: "app", PoolMode: Transaction}},
		{"hostname", Hello{User: "app", ServerName: "PG.acme.com."},
			Identity{Tenant: "acme", Carrier: "hostname", Role: "app", Database: "app"}},
		{"options bare", Hello{User: "app", Parameters: options("tenant=acme")},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app"}},
		{"options -c", Hello{User: "app", Parameters: options("-c tenant=acme")},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app"}},
		{"options -c joined", Hello{User: "app", Parameters: options("-ctenant=acme")},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app"}},
		{"options --", Hello{User: "app", Parameters: options("--tenant=acme")},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app"}},
		{"options of Neon", Hello{User: "app", Parameters: options("endpoint=acme project=acme")},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app"}},
		{"options of Supabase", Hello{User: "app", Parameters: options("reference=acme")},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app"}},
		{"options pool mode", Hello{User: "app", Parameters: options("tenant=acme -c pool_mode=session")},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app", PoolMode: Session}},
		{"options pool mode with a dash", Hello{User: "app", Parameters: options("--tenant=acme --pool-mode=transaction")},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app", PoolMode: Transaction}},

		// Several that agree.
		{"sni and user", Hello{User: "app.acme", ServerName: "acme.db.example.com"},
			Identity{Tenant: "acme", Carrier: "sni+user", Role: "app", Database: "app"}},
		{"sni and options", Hello{User: "app", ServerName: "acme.db.example.com", Parameters: options("tenant=ACME")},
			Identity{Tenant: "acme", Carrier: "sni+options", Role: "app", Database: "app"}},
		{"hostname and user", Hello{User: "app.acme", ServerName: "pg.acme.com"},
			Identity{Tenant: "acme", Carrier: "hostname+user", Role: "app", Database: "app"}},
		{"hostname and options", Hello{User: "app", ServerName: "pg.acme.com", Parameters: options("tenant=acme")},
			Identity{Tenant: "acme", Carrier: "hostname+options", Role: "app", Database: "app"}},
		{"options and user", Hello{User: "app.acme", Parameters: options("project=acme")},
			Identity{Tenant: "acme", Carrier: "options+user", Role: "app", Database: "app"}},
		{"all three", Hello{User: "a.b.acme", ServerName: "acme-pooler.example.com", Parameters: options("tenant=acme pool_mode=transaction")},
			Identity{Tenant: "acme", Carrier: "sni+options+user", Role: "a.b", Database: "a.b", PoolMode: Transaction}},

		// A server name that says nothing.
		{"the domain itself", Hello{User: "app.acme", ServerName: "db.example.com"},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app"}},
		{"an unknown host name", Hello{User: "app.acme", ServerName: "balancer.internal"},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app"}},
		{"an unknown host name that ends like a domain", Hello{User: "app.acme", ServerName: "betaexample.com"},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app"}},
		{"no host name at all", Hello{User: "app.acme", ServerName: "a b\x00c"},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app"}},

		// Settings.
		{"our keys are stripped, the rest is passed on",
			Hello{User: "app", Parameters: map[string]string{
				"options":          `-c search_path=a\ b  --tenant=acme -cwork_mem=1MB -c pool_mode=session -S 64 --x-y=z`,
				"application_name": "", "client_encoding": "UTF8", "_pq_.test": "1"}},
			Identity{Tenant: "acme", Carrier: "options", Role: "app", Database: "app", PoolMode: Session,
				Settings: map[string]string{
					"options":          `-c search_path=a\ b -cwork_mem=1MB -S 64 --x-y=z`,
					"application_name": "", "client_encoding": "UTF8"}}},
		{"the argument of another switch is not ours",
			Hello{User: "app.acme", Parameters: options(`-h tenant=beta -c a=tenant=beta -ir tenant=beta`)},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app",
				Settings: options(`-h tenant=beta -c a=tenant=beta -ir tenant=beta`)}},
		{"replication", Hello{User: "app.acme", Parameters: map[string]string{"replication": "database"}},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app", Replication: "database"}},
		{"no replication", Hello{User: "app.acme", Parameters: map[string]string{"replication": "Off"}},
			Identity{Tenant: "acme", Carrier: "user", Role: "app", Database: "app"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before := maps.Clone(test.hello.Parameters)
			got, err := testRouter().Identify(t.Context(), test.hello)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got.Settings, test.want.Settings) {
				t.Errorf("settings %q, want %q", got.Settings, test.want.Settings)
			}
			if !maps.Equal(test.hello.Parameters, before) {
				t.Errorf("the client's parameters were changed to %q", test.hello.Parameters)
			}
			got.Settings, test.want.Settings = nil, nil
			if g, w := fields(got), fields(test.want); g != w {
				t.Errorf("got  %v\nwant %v", g, w)
			}
		})
	}
}

// fields makes an Identity without settings comparable.
func fields(id Identity) [6]string {
	return [6]string{string(id.Tenant), id.Carrier, id.Role, id.Database, id.PoolMode, id.Replication}
}

func TestIdentifyRefuses(t *testing.T) {
	t.Parallel()
	const acmeForms = `Name the tenant in one of these ways: user name "app.acme", host name "acme.db.example.com" (over TLS), options "tenant=acme".`
	const openForms = `Name the tenant in one of these ways: user name "app.<tenant>", host name "<tenant>.db.example.com" (over TLS), options "tenant=<tenant>".`
	tests := []struct {
		name  string
		hello Hello
		want  Error
	}{
		{"nothing", Hello{User: "app"},
			Error{NoTenant, `no tenant is named`, openForms}},
		{"domain itself", Hello{User: "app", ServerName: "db.example.com"},
			Error{NoTenant, `no tenant is named`, openForms}},
		{"no user", Hello{Database: "app"},
			Error{NoUser, `no PostgreSQL user name specified in startup packet`,
				`Name the tenant in one of these ways: user name "<role>.<tenant>", host name "<tenant>.db.example.com" (over TLS), options "tenant=<tenant>".`}},
		{"no role", Hello{User: ".acme"},
			Error{NoUser, `the user name ".acme" has no role before the tenant`,
				`Name the tenant in one of these ways: user name "<role>.<tenant>", host name "<tenant>.db.example.com" (over TLS), options "tenant=<tenant>".`}},
		{"empty tenant in the user name", Hello{User: "app."},
			Error{InvalidTenant, `the user name "app." names no tenant: tenant id is empty`, openForms}},
		{"reserved tenant", Hello{User: "app", Parameters: options("tenant=postgres")},
			Error{InvalidTenant, `the option "tenant=postgres" names no tenant: tenant id "postgres" is reserved`, openForms}},
		{"two labels", Hello{User: "app", ServerName: "acme.eu.db.example.com"},
			Error{InvalidTenant, `the host name "acme.eu.db.example.com" names no tenant: tenant id "acme.eu" may hold only a-z, 0-9 and '-'`, openForms}},
		{"pooler alone", Hello{User: "app", ServerName: "-pooler.db.example.com"},
			Error{InvalidTenant, `the host name "-pooler.db.example.com" names no tenant: tenant id is empty`, openForms}},
		{"pool mode", Hello{User: "app.acme", Parameters: options("pool_mode=statement")},
			Error{InvalidPoolMode, `the option "pool_mode=statement" asks for an unknown pool mode`,
				`The pool modes are "session" and "transaction".`}},

		{"sni and user", Hello{User: "app.beta", ServerName: "acme.db.example.com"},
			Error{TenantConflict, `the host name "acme.db.example.com" names tenant "acme", the user name "app.beta" names "beta"`,
				acmeForms + ` What stands behind the last "." of a user name is always a tenant; if "app.beta" is a role, write "app.beta.acme".`}},
		{"sni and options", Hello{User: "app", ServerName: "acme.db.example.com", Parameters: options("-c endpoint=beta")},
			Error{TenantConflict, `the host name "acme.db.example.com" names tenant "acme", the option "endpoint=beta" names "beta"`, acmeForms}},
		{"options and user", Hello{User: "app.beta", Parameters: options("tenant=acme")},
			Error{TenantConflict, `the option "tenant=acme" names tenant "acme", the user name "app.beta" names "beta"`,
				acmeForms + ` What stands behind the last "." of a user name is always a tenant; if "app.beta" is a role, write "app.beta.acme".`}},
		{"options and options", Hello{User: "app", Parameters: options("tenant=acme reference=beta")},
			Error{TenantConflict, `the option "tenant=acme" names tenant "acme", the option "reference=beta" names "beta"`, acmeForms}},
		{"third against two", Hello{User: "app.beta", ServerName: "acme.db.example.com", Parameters: options("tenant=acme")},
			Error{TenantConflict, `the host name "acme.db.example.com" names tenant "acme", the user name "app.beta" names "beta"`,
				acmeForms + ` What stands behind the last "." of a user name is always a tenant; if "app.beta" is a role, write "app.beta.acme".`}},
		// Whose host name it is stays untold: "acme" must not appear.
		{"hostname and user", Hello{User: "app.beta", ServerName: "pg.acme.com"},
			Error{TenantConflict, `the host name "pg.acme.com" names another tenant than the user name "app.beta"`,
				`Name the tenant in one of these ways: user name "app.beta", host name "beta.db.example.com" (over TLS), options "tenant=beta". What stands behind the last "." of a user name is always a tenant; if "app.beta" is a role, write "app.beta.<tenant>".`}},
		{"hostname and options", Hello{User: "app", ServerName: "pg.acme.com", Parameters: options("project=beta")},
			Error{TenantConflict, `the host name "pg.acme.com" names another tenant than the option "project=beta"`,
				`Name the tenant in one of these ways: user name "app.beta", host name "beta.db.example.com" (over TLS), options "tenant=beta".`}},

		{"pool modes, sni and options", Hello{User: "app", ServerName: "acme-pooler.db.example.com", Parameters: options("pool_mode=session")},
			Error{PoolModeConflict, `the host name "acme-pooler.db.example.com" asks for pool mode "transaction", the option "pool_mode=session" for "session"`,
				`Ask once: a host name with "-pooler" behind the tenant means "transaction", as does the option "pool_mode=transaction".`}},
		{"pool modes, options and options", Hello{User: "app.acme", Parameters: options("pool_mode=session --pool_mode=transaction")},
			Error{PoolModeConflict, `the option "pool_mode=session" asks for pool mode "session", the option "pool_mode=transaction" for "transaction"`,
				`Ask once: a host name with "-pooler" behind the tenant means "transaction", as does the option "pool_mode=transaction".`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			identity, err := testRouter().Identify(t.Context(), test.hello)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("got %+v and error %v, want an *Error", identity, err)
			}
			if *got != test.want {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
			if identity.Tenant != "" {
				t.Errorf("a refused client has tenant %q", identity.Tenant)
			}
		})
	}
}

func TestNoTenantStillTellsTheRest(t *testing.T) {
	t.Parallel()
	got, err := testRouter().Identify(t.Context(), Hello{User: "postern", Database: "postern",
		Parameters: options("-c work_mem=1MB pool_mode=session")})
	var refused *Error
	if !errors.As(err, &refused) || refused.Kind != NoTenant {
		t.Fatalf("error %v", err)
	}
	if got.Role != "postern" || got.Database != "postern" || got.PoolMode != Session || got.Settings["options"] != "-c work_mem=1MB" {
		t.Errorf("got %+v", got)
	}
}

func TestCustomHostnameIsAskedOnlyOutsideTheDomains(t *testing.T) {
	t.Parallel()
	r := New(Config{Domains: []string{"db.example.com"}, Hostnames: mustNotAsk{}})
	for _, name := range []string{"", "acme.db.example.com", "db.example.com", "not a name", "a.b.db.example.com"} {
		if _, err := r.Identify(t.Context(), Hello{User: "app", ServerName: name}); errors.Is(err, errAsked) {
			t.Errorf("the catalog was asked for %q", name)
		}
	}
	if _, err := r.Identify(t.Context(), Hello{User: "app", ServerName: "pg.acme.com"}); !errors.Is(err, errAsked) {
		t.Errorf("the catalog was not asked: %v", err)
	}
}

func TestCatalogAway(t *testing.T) {
	t.Parallel()
	r := New(Config{Hostnames: awayCatalog{}})
	_, err := r.Identify(t.Context(), Hello{User: "app", ServerName: "pg.acme.com"})
	var refused *Error
	if !errors.Is(err, catalog.ErrUnavailable) || errors.As(err, &refused) {
		t.Errorf("named by a host name alone: %v", err)
	}
	got, err := r.Identify(t.Context(), Hello{User: "app.acme", ServerName: "pg.acme.com"})
	if err != nil || got.Tenant != "acme" || got.Carrier != "user" {
		t.Errorf("named by the user as well: %+v, %v", got, err)
	}
}

func TestOwnSeparator(t *testing.T) {
	t.Parallel()
	r := New(Config{Separator: "::"})
	got, err := r.Identify(t.Context(), Hello{User: "first.last::acme"})
	if err != nil || got.Role != "first.last" || got.Tenant != "acme" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add("app.acme", "app", "acme.db.example.com", "-c tenant=acme")
	f.Add("app", "", "acme-pooler.example.com", "pool_mode=transaction")
	f.Add("a.b.c", "d", "pg.acme.com.", `--endpoint=acme -c a=\ b\`)
	f.Add(".", ".", ".", "-c")
	f.Fuzz(func(t *testing.T, user, database, serverName, opts string) {
		hello := Hello{User: user, Database: database, ServerName: serverName, Parameters: options(opts)}
		got, err := testRouter().Identify(t.Context(), hello)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("error %v is no *Error", err)
			}
			if refused.Kind == "" || refused.Message == "" || refused.Hint == "" || got.Tenant != "" {
				t.Fatalf("refused with %+v and %+v", *refused, got)
			}
			return
		}
		if id, err := catalog.ParseTenantID(string(got.Tenant)); err != nil || id != got.Tenant {
			t.Fatalf("tenant %q is no id: %v", got.Tenant, err)
		}
		if got.Role == "" || got.Database == "" || got.Carrier == "" {
			t.Fatalf("got %+v", got)
		}
		// What is passed on names nobody and reads the same again.
		hello.Parameters = got.Settings
		again, err := testRouter().Identify(t.Context(), hello)
		var refused *Error
		if errors.As(err, &refused) && refused.Kind == NoTenant && got.Carrier == "options" {
			return
		}
		if err != nil || again.Tenant != got.Tenant || again.Settings["options"] != got.Settings["options"] {
			t.Fatalf("read again: %+v, %v; at first %+v", again, err, got)
		}
	})
}
