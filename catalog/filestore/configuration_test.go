package filestore

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"

	"postern/catalog"
)

// TestExampleInPackageComment: it is good, and shows every key.
func TestExampleInPackageComment(t *testing.T) {
	t.Parallel()
	source, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var example strings.Builder
	begun := false
	for line := range strings.Lines(source.Doc.Text()) {
		indented := strings.HasPrefix(line, "\t")
		if begun && !indented && strings.TrimSpace(line) != "" {
			break
		}
		if indented {
			begun = true
			example.WriteString(line)
		}
		if !indented && begun {
			example.WriteString("\n")
		}
	}
	c, err := parseConfiguration([]byte(example.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, example.String())
	}
	if c.PGVersion != 17 || len(c.Roles) != 1 || c.Roles[0].CanLogin == nil || c.Roles[0].ValidUntil.IsZero() ||
		c.Backend.RootCert == "" || len(c.Labels) != 1 || len(c.Settings) != 1 || len(c.Postgres) != 1 ||
		c.Region == "" || len(c.Hostnames) != 1 || len(c.Databases) != 1 || c.PoolMode == "" {
		t.Errorf("the example lacks a key: %+v", c)
	}
}

// FuzzParseConfiguration: nothing panics, and what is read is written so that it
// is read as the same.
func FuzzParseConfiguration(f *testing.F) {
	for _, content := range []string{
		"",
		"driver = 'static'",
		"driver = \"static\"\nhostnames = ['a.example', 'B.example']\npg_version = 17\npool_mode = 'session'",
		"driver = 'x'\n[labels]\n\"\" = ''\n\"a.b\" = '''\n'''\n[backend]\nhost = '::1'\nport = 1",
		"driver = 'x'\n[[roles]]\nname = 'ä'\nvalid_until = 2030-01-01\n[[roles]]\nname = 'b'\ncan_login = false",
		"driver = 'x'\nroles = [{name = 'a', verifier = 'SCRAM-SHA-256$', valid_until = 1979-05-27T00:32:00.999999-07:00}]",
		"driver = 'x'\nDriver = 'y'",
		"roles = 1",
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := parseConfiguration(content)
		if err != nil {
			return
		}
		tenant := &catalog.Tenant{ID: "acme", Roles: rolesByName(c.Roles)}
		c.configure(tenant)
		filed, err := catalog.Created(tenant, time.Now())
		if err != nil {
			return // a host name that is empty
		}
		written, err := configurationOf(filed, c.Roles).encode("acme")
		if err != nil {
			t.Fatalf("%q cannot be written: %v", content, err)
		}
		again, err := parseConfiguration(written)
		if err != nil || !again.same(configurationOf(filed, c.Roles)) {
			t.Fatalf("%q is written as %q, which is read as %+v, %v", content, written, again, err)
		}
	})
}
