package catalog_test

import (
	"strings"
	"testing"

	"postern/catalog"
)

// Promises: B41, CVE-2012-4575.
func TestParseTenantID(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]catalog.TenantID{
		"a":                     "a",
		"0":                     "0",
		"Acme-2":                "acme-2",
		"a--b":                  "a--b",
		"pooler":                "pooler",
		"postgres1":             "postgres1",
		strings.Repeat("a", 56): catalog.TenantID(strings.Repeat("a", 56)),
	} {
		if got, err := catalog.ParseTenantID(given); err != nil || got != want {
			t.Errorf("%q is read as %q, %v, want %q", given, got, err, want)
		}
	}
	for given, want := range map[string]string{
		"":                      "empty",
		strings.Repeat("a", 57): "longer than 56",
		"acme-pooler":           `end in "-pooler"`,
		"ACME-Pooler":           `end in "-pooler"`,
		"-pooler":               `end in "-pooler"`,
		"Postern":               "reserved",
		"pgbouncer":             "reserved",
		"postgres":              "reserved",
		"-a":                    "begin and end",
		"a-":                    "begin and end",
		"-":                     "begin and end",
		"a_b":                   "only",
		"a.b":                   "only",
		"../a":                  "only",
		"a/b":                   "only",
		"a b":                   "only",
		"ä":                     "only",
		"a\x00":                 "only",
	} {
		if got, err := catalog.ParseTenantID(given); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is read as %q, %v, want an error with %q", given, got, err, want)
		}
	}
}

func FuzzParseTenantID(f *testing.F) {
	for _, seed := range []string{"acme", "A-1", "x-pooler", "", "postern"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		id, err := catalog.ParseTenantID(given)
		if err != nil {
			return
		}
		if again, err := catalog.ParseTenantID(string(id)); err != nil || again != id {
			t.Errorf("%q is read as %q, and that as %q, %v", given, id, again, err)
		}
		if strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%q is read as %q", given, id)
		}
	})
}
