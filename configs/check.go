package configs

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// check yields what is wrong with c beyond the type and range of single
// settings, by key.
func (c Config) check() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, problem := range []struct {
			key string
			err error
		}{
			{"listen.postgres", checkAddress(c.Listen.Postgres)},
			{"listen.peer_address", checkPeerAddress(c.Listen.PeerAddress)},
			{"listen.proxy_protocol_from", checkEach(c.Listen.ProxyProtocolFrom, checkNetwork)},
			{"tls.certificates", checkEach(c.TLS.Certificates, checkCertificate)},
			{"router.domains", checkEach(c.Router.Domains, checkDomain)},
			{"router.separator", checkSeparator(c.Router.Separator)},
			{"auth.admin_users", checkEach(slices.Sorted(maps.Keys(c.Auth.AdminUsers)), checkVerifier(c.Auth.AdminUsers))},
			{"auth.stats_users", checkEach(slices.Sorted(maps.Keys(c.Auth.StatsUsers)), checkVerifier(c.Auth.StatsUsers))},
			{"wake.idle_timeout", checkIdleTimeout(c.Wake.IdleTimeout)},
			{"wake.process.freeze_after", checkIdleTimeout(c.Wake.Process.FreezeAfter)},
			{"wake.provision_unknown", checkNewcomers(c.Wake)},
			{"wake.provision_unknown_verifier", checkVerifierOrNone(c.Wake.ProvisionUnknownVerifier)},
			{"http.listen", checkAddress(c.HTTP.Listen)},
		} {
			if problem.err != nil && !yield(problem.key, problem.err) {
				return
			}
		}
	}
}

// Complete reports what a proxy of a fleet cannot start without. The defaults
// alone are not complete: somebody has to say where the catalog is.
func (c Config) Complete() error {
	var e Error
	switch {
	case c.Catalog.Store == "postgres" && c.Catalog.URL == "":
		e = append(e, Problem{Key: "catalog.url", Message: `is needed for catalog.store = "postgres"`})
	case c.Catalog.Store == "files" && c.Catalog.Dir == "":
		e = append(e, Problem{Key: "catalog.dir", Message: `is needed for catalog.store = "files"`})
	}
	if c.TLS.Mode == "require" && len(c.TLS.Certificates) == 0 {
		e = append(e, Problem{Key: "tls.certificates", Message: `is needed for tls.mode = "require"`})
	}
	return e.sorted()
}

// checkEach returns the first error that check has about an element.
func checkEach[T any](list []T, check func(T) error) error {
	for _, element := range list {
		if err := check(element); err != nil {
			return err
		}
	}
	return nil
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address; write host:port, for example \"127.0.0.1:6432\"", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("port %q is not in 0 to 65535", port)
	}
	return nil
}

func checkPeerAddress(address string) error {
	if address == "" {
		return nil
	}
	return checkAddress(address)
}

func checkNetwork(s string) error {
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return nil
	}
	return fmt.Errorf("%q is neither an address nor a network such as \"10.0.0.0/8\"", s)
}

func checkCertificate(c Certificate) error {
	if c.Cert == "" || c.Key == "" {
		return errors.New(`each needs cert = "…" and key = "…"`)
	}
	return nil
}

func checkDomain(domain string) error {
	if below, found := strings.CutPrefix(domain, "*."); found {
		return fmt.Errorf("%q is a pattern; write the domain alone, %q", domain, below)
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(domain, "."), ".") {
		wrong := strings.ContainsFunc(label, func(c rune) bool {
			return !isAlphanumeric(c) && c != '-' && c != '_'
		})
		if label == "" || len(label) > 63 || wrong {
			return fmt.Errorf("%q is no domain name", domain)
		}
	}
	return nil
}

func checkSeparator(separator string) error {
	if separator == "" || strings.ContainsFunc(separator, func(c rune) bool { return isAlphanumeric(c) || c == '-' }) {
		return fmt.Errorf("%q must not be empty nor hold what a tenant's id may hold: letters, digits, '-'", separator)
	}
	return nil
}

func checkIdleTimeout(d Duration) error {
	if d > 0 && d < seconds(1) {
		return fmt.Errorf("must be at least 1s, or 0 for never, not %v", d)
	}
	return nil
}

// checkNewcomers: without a verifier nobody could prove to be a newcomer.
func checkNewcomers(w Wake) error {
	if w.ProvisionUnknown && w.ProvisionUnknownVerifier == "" {
		return errors.New("true needs wake.provision_unknown_verifier")
	}
	return nil
}

func checkVerifierOrNone(verifier string) error {
	if verifier != "" && !strings.HasPrefix(verifier, "SCRAM-SHA-256$") {
		return errors.New(`must be a verifier, "SCRAM-SHA-256$…", as in pg_authid.rolpassword`)
	}
	return nil
}

func isAlphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// checkVerifier returns a check of one user's verifier. The verifier itself
// does not go into the error.
func checkVerifier(users map[string]string) func(string) error {
	return func(name string) error {
		if !strings.HasPrefix(users[name], "SCRAM-SHA-256$") {
			return fmt.Errorf("the value of %q must be a verifier, \"SCRAM-SHA-256$…\", as in pg_authid.rolpassword", name)
		}
		return nil
	}
}
