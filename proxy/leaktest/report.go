package leaktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is what is wrong, in words: "foreign X" is X of somebody else, "lost X"
// is X that this session has made and that is gone, "stale setting" is a value
// that this session had before.
type Kind string

// Violation is one answer that PostgreSQL would not have given.
type Violation struct {
	Kind   Kind
	Detail string // what was asked, expected and answered
	Seed   uint64
	Tenant string
	// Client, Session and Action say where: clients count from 1, the others
	// within the client.
	Client, Session, Action int
	// Recent is what the client has done last, oldest first. The violation may be
	// in the answer to any of the newest, since it does not always wait for one.
	Recent []string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s\n\tseed %d, tenant %s, client %d, session %d, action %d, after\n\t\t%s",
		v.Kind, v.Detail, v.Seed, v.Tenant, v.Client, v.Session, v.Action, strings.Join(v.Recent, "\n\t\t"))
}

// Report is what a run has found.
type Report struct {
	Seed    uint64
	Elapsed time.Duration
	// Sessions is how many were begun, Did how often each thing was done.
	Sessions int
	Did      map[string]int
	// Counts is how many violations there were of each kind. A session ends with
	// its first, but for what a look finds: that is reported once in a session.
	Counts map[Kind]int
	// Violations are the first of each kind, at most keptPerKind.
	Violations []Violation
}

// keptPerKind is how many violations of a kind are kept with their details.
const keptPerKind = 3

// Actions is how many actions there were in all.
func (r Report) Actions() int {
	sum := 0
	for _, n := range r.Did {
		sum += n
	}
	return sum
}

// Found is how many violations there were in all.
func (r Report) Found() int {
	sum := 0
	for _, n := range r.Counts {
		sum += n
	}
	return sum
}

// Err is nil if there was no violation, and else names the kinds and the first
// of each.
func (r Report) Err() error {
	if r.Found() == 0 {
		return nil
	}
	return fmt.Errorf("%d violations with seed %d: %s", r.Found(), r.Seed, r.details())
}

// String is the counts as a table.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d violations, %d sessions, %d actions in %.1f s, seed %d\n", r.Found(), r.Sessions, r.Actions(), r.Elapsed.Seconds(), r.Seed)
	for _, kind := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&b, "%8d  %s\n", r.Counts[kind], kind)
	}
	return b.String()
}

func (r Report) details() string {
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&b, "\n%d × %s", r.Counts[kind], kind)
	}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "\n%v", v)
	}
	return b.String()
}

// ledger collects a report from all clients.
type ledger struct {
	mu     sync.Mutex
	report Report // under mu
}

func newLedger(seed uint64) *ledger {
	return &ledger{report: Report{Seed: seed, Did: map[string]int{}, Counts: map[Kind]int{}}}
}

func (l *ledger) connected() { l.mu.Lock(); l.report.Sessions++; l.mu.Unlock() }

func (l *ledger) did(what string) { l.mu.Lock(); l.report.Did[what]++; l.mu.Unlock() }

func (l *ledger) violated(v Violation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.report.Counts[v.Kind]++; l.report.Counts[v.Kind] <= keptPerKind {
		l.report.Violations = append(l.report.Violations, v)
	}
}
