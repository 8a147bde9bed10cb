package configs

import (
	"slices"
	"testing"
)

func TestChanged(t *testing.T) {
	t.Parallel()
	before, after := Default(), Default()
	after.Auth.AdminUsers = map[string]string{} // the same as none
	if got := before.Changed(after); got != nil {
		t.Errorf("the same differs in %q", got)
	}
	after.Listen.Postgres = "127.0.0.1:1"
	after.TLS.Certificates = []Certificate{{Cert: "c", Key: "k"}}
	after.Wake.Process.Postgres = map[string]string{"fsync": "off"}
	want := []string{"listen.postgres", "tls.certificates", "wake.process.postgres"}
	if got := before.Changed(after); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	changeable := []bool{false, true, false}
	for i, key := range want {
		if Changeable(key) != changeable[i] {
			t.Errorf("%s is changeable: %v", key, !changeable[i])
		}
	}
	if Changeable("no.such") {
		t.Error("what is no setting can be changed")
	}
}
