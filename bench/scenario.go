package main

import (
	"context"
	"fmt"
)

// workload is something that is done through a peer, and measured.
type workload interface {
	run(ctx context.Context, l *lab, p *peer, seconds int) (sample, error)
}

// scenario is a workload, with how the peers are run for it.
type scenario struct {
	name     string
	what     string
	workload workload
	setup    setup
	// peers that take part, in the order of each round.
	peers []string
	// fresh starts the proxies anew for each measurement.
	fresh bool
	// shares means that there are more clients than server connections could be.
	shares bool
	// plot is the number of clients where the plot shows this scenario.
	plot int
}

var (
	everybody = []string{direct, pgbouncer, postern}
	proxies   = []string{pgbouncer, postern}
)

// scenariosFor lists everything that is measured.
func scenariosFor(o options) []scenario {
	var all []scenario
	add := func(s scenario) {
		if s.setup.pool == 0 {
			s.setup.pool = o.Pool
		}
		s.setup.tenants = max(s.setup.tenants, 1)
		all = append(all, s)
	}
	for _, protocol := range []string{"simple", "extended", "prepared"} {
		for _, clients := range []int{1, 8, 32, 64} {
			s := scenario{
				name:     fmt.Sprintf("select-%s-c%d", protocol, clients),
				what:     fmt.Sprintf("pgbench -S -M %s, %d clients", protocol, clients),
				workload: pgbench{script: "-S", protocol: protocol, clients: clients, logged: .1}, peers: everybody,
			}
			if protocol == "simple" {
				s.plot = clients
			}
			if protocol == "prepared" {
				s.setup = setup{prepared: true, clients: 64}
			}
			add(s)
		}
	}
	add(scenario{name: "select-simple-c32-tls", what: "pgbench -S, 32 clients over TLS",
		workload: pgbench{script: "-S", protocol: "simple", clients: 32, encrypted: true, logged: .1}, peers: everybody})
	add(scenario{name: "tpcb-c32", what: "pgbench's TPC-B, 32 clients",
		workload: pgbench{protocol: "simple", clients: 32, logged: 1}, peers: everybody})
	add(scenario{name: "pinned-c1", what: "pgbench -S, 1 client, everything on one CPU",
		workload: pgbench{script: "-S", protocol: "simple", clients: 1, logged: .1, pinned: true},
		setup:    setup{pinned: true}, peers: everybody})
	if o.Syscalls {
		add(scenario{name: "syscalls-c32", what: "system calls of pgbench -S, 32 clients, in runs of their own",
			workload: traced{pgbench{script: "-S", protocol: "simple", clients: 32}}, peers: proxies})
	}
	add(scenario{name: "connect", what: fmt.Sprintf("SCRAM login, select 1, end; %d at once", workers), workload: churn{}, peers: everybody})
	add(scenario{name: "connect-tls", what: "the same over TLS 1.3", workload: churn{encrypted: true}, peers: everybody})
	add(scenario{name: "handshake", what: "TLS 1.3 handshake alone, no login", workload: churn{encrypted: true, handshake: true}, peers: everybody})
	add(scenario{name: "copy-out", what: fmt.Sprintf("COPY TO STDOUT, %d MB", o.CopySize/1e6), workload: transfer{}, peers: everybody})
	add(scenario{name: "copy-in", what: fmt.Sprintf("COPY FROM STDIN, %d MB", o.CopySize/1e6), workload: transfer{in: true}, peers: everybody})
	add(scenario{name: "copy-out-tls", what: "COPY TO STDOUT over TLS", workload: transfer{encrypted: true}, peers: everybody})
	add(scenario{name: "copy-in-tls", what: "COPY FROM STDIN over TLS", workload: transfer{in: true, encrypted: true}, peers: everybody})
	few, many := 2000, 10_000
	if o.Quick {
		few, many = 200, 1000
	}
	for _, n := range []int{few, many} {
		add(scenario{name: fmt.Sprintf("idle-%d", n), what: fmt.Sprintf("memory of %d idle clients", n),
			workload: idle{clients: n}, peers: proxies, fresh: true, shares: true})
	}
	add(scenario{name: fmt.Sprintf("idle-tls-%d", few), what: fmt.Sprintf("memory of %d idle clients over TLS", few),
		workload: idle{clients: few, encrypted: true}, peers: proxies, fresh: true, shares: true})
	add(scenario{name: "crowd-1000", what: fmt.Sprintf("1,000 clients on a pool of %d", o.Pool),
		workload: crowd{clients: 1000, tenants: 1}, peers: proxies, shares: true})
	add(scenario{name: "tenants-200", what: "1,000 clients on 200 tenants with pools of 2",
		workload: crowd{clients: 1000, tenants: 200}, setup: setup{pool: 2, tenants: 200}, peers: proxies, shares: true})
	return all
}
