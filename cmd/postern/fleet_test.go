package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"postern/configs"
)

func TestPeerAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ listen, setting, want string }{
		{"127.0.0.1:6432", "", "127.0.0.1:6432"},
		{"[2001:db8::1]:6432", "", "[2001:db8::1]:6432"},
		{"0.0.0.0:6432", "", ""},
		{"[::]:6432", "", ""},
		{"0.0.0.0:6432", "proxy-1:6432", "proxy-1:6432"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", test.listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := peerAddress(configs.Listen{PeerAddress: test.setting}, addr); got != test.want {
			t.Errorf("%s, set to %q: %q, want %q", test.listen, test.setting, got, test.want)
		}
	}
}

// A proxy keeps its id, and makes another where the file is damaged.
func TestProxyID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	id := func() string {
		t.Helper()
		id, err := proxyID(dir)
		if err != nil || len(id) != 16 {
			t.Fatalf("id %q, %v", id, err)
		}
		return id
	}
	first := id()
	if again := id(); again != first {
		t.Errorf("%q after %q", again, first)
	}
	if err := os.WriteFile(filepath.Join(dir, "proxy"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := id()
	if second == first || id() != second {
		t.Errorf("%q after %q", second, first)
	}
	if _, err := proxyID(filepath.Join(dir, "missing")); err == nil {
		t.Error("no error without a directory")
	}
}
