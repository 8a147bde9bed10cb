package wake_test

import (
	"strings"
	"testing"

	"postern/wake"
)

// Names are what docs/shared-instance.md says, and lead back.
func TestShareNames(t *testing.T) {
	t.Parallel()
	share := wake.Share{UID: "0123456789abcdef0123456789abcdef"}
	for got, want := range map[string]string{
		share.Role("app"):     "t_0123456789ab_app",
		share.Database("app"): "t_0123456789ab",
		share.Members():       "t_0123456789ab",
		share.Readers():       "r_0123456789ab",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, name := range []string{"app", "", "with.dot", `"quoted"`, strings.Repeat("n", wake.MaxSharedRole)} {
		role := share.Role(name)
		if back, ok := share.TenantRole(role); !ok || back != name || len(role) > 63 {
			t.Errorf("%q is %q, which is %q", name, role, back)
		}
	}
	other := wake.Share{UID: "ba9876543210fedcba9876543210fedc"}
	if name, ok := share.TenantRole(other.Role("app")); ok {
		t.Errorf("a role of another tenant is taken for %q", name)
	}
	// A name tells neither what the database is called nor that another tenant has
	// one of that name.
	plans := share.Database("plans")
	if tag, ok := strings.CutPrefix(plans, "t_0123456789ab_"); !ok || len(tag) != 12 || strings.Contains(plans, "plans") || strings.HasSuffix(other.Database("plans"), tag) {
		t.Errorf("databases are called %q and %q", plans, other.Database("plans"))
	}
	if share.Database("plans2") == plans || share.Database("plans") != plans {
		t.Error("two databases have one name, or one has two")
	}
}

func TestNoShare(t *testing.T) {
	t.Parallel()
	var own wake.Share
	if own.Shared() || own.Role("app") != "app" || own.Database("plans") != "plans" {
		t.Errorf("in its own instance a tenant has %q and %q", own.Role("app"), own.Database("plans"))
	}
	if name, ok := own.TenantRole("whoever"); !ok || name != "whoever" {
		t.Errorf("and no %q", name)
	}
}
