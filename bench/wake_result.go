package main

import (
	"fmt"
	"io"
)

// wakeResult is all that `bench wake` has found out, and what its `-o json`
// writes. Series are in milliseconds.
type wakeResult struct {
	Began      string      `json:"began"` // RFC 3339
	Machine    machine     `json:"machine"`
	Options    wakeOptions `json:"options"`
	PostgreSQL string      `json:"postgresql"`

	ByHand         series `json:"by_hand"` // B
	StopByHand     series `json:"stop_by_hand"`
	Create         series `json:"create"` // nothing prepared
	CreatePrepared series `json:"create_prepared"`
	CreateSpare    series `json:"create_spare"`
	Wake           series `json:"wake"`
	Suspend        series `json:"suspend"`
	Thaw           series `json:"thaw"`
	WakeCPU        series `json:"wake_cpu"`

	Recovery       series    `json:"recovery"`
	RecoveredMB    []float64 `json:"recovered_mb"`              // WAL behind the checkpoint
	RecoveryErrors []string  `json:"recovery_errors,omitempty"` // that clients were told meanwhile

	Storm           series       `json:"storm"` // until the last of the crowd has its row
	StormClients    series       `json:"storm_clients"`
	StormPosternCPU series       `json:"storm_postern_cpu"`
	StormFailed     int          `json:"storm_failed"`
	Failures        []string     `json:"failures,omitempty"` // some of them
	Crowds          []crowdWakes `json:"crowds"`

	Awake       idleTenants `json:"awake"`
	HalfAsleep  idlePostern `json:"half_asleep"`  // Postern with half of the crowd, which was used
	CrowdAsleep idlePostern `json:"crowd_asleep"` // with all of it
	AllAsleep   idlePostern `json:"all_asleep"`   // with tenants besides that never were

	Targets []verdict `json:"targets"`
}

// base is B: the median of a start by hand, in milliseconds.
func (r *wakeResult) base() float64 { return r.ByHand.quantile(.5) }

// stormLeast is how long the machine must compute until the last of the crowd
// has its row, in milliseconds: the CPU of as many starts by hand, on all cores.
func (r *wakeResult) stormLeast() float64 {
	return float64(r.Options.Crowd) * r.WakeCPU.quantile(.5) / float64(r.Machine.Cores)
}

// half of the crowd comes first.
func (r *wakeResult) half() int { return r.Options.Crowd / 2 }

// usedKiB is Postern's memory for a tenant that was used and sleeps: what the
// other half of the crowd adds.
func (r *wakeResult) usedKiB() float64 {
	return (r.CrowdAsleep.Heap - r.HalfAsleep.Heap) / 1024 / float64(r.Options.Crowd-r.half())
}

// writeWakeResult prints all of it.
func writeWakeResult(w io.Writer, r *wakeResult) {
	all := []*series{
		&r.Create, &r.CreatePrepared, &r.CreateSpare, &r.Wake, &r.Thaw, &r.Suspend, &r.StopByHand, &r.WakeCPU,
		&r.Recovery, &r.Storm, &r.StormClients, &r.StormPosternCPU,
	}
	for i := range r.Crowds {
		all = append(all, &r.Crowds[i].Wakes)
	}
	writeSeries(w, &r.ByHand, all...)
	fmt.Fprintf(w, "\nkill -9 behind %s MB of WAL: clients were told %d errors\n", spreadOf(r.RecoveredMB), len(r.RecoveryErrors))
	for _, failure := range r.RecoveryErrors[:min(3, len(r.RecoveryErrors))] {
		fmt.Fprintf(w, "  %s\n", failure)
	}
	fmt.Fprintf(w, "%d at once: the last row after %s ms; %d × %s ms of CPU ÷ %d cores = %s ms; %d failed\n",
		r.Options.Crowd, number(r.Storm.quantile(.5)), r.Options.Crowd, number(r.WakeCPU.quantile(.5)), r.Machine.Cores,
		number(r.stormLeast()), r.StormFailed)
	for _, failure := range r.Failures {
		fmt.Fprintf(w, "  %s\n", failure)
	}
	fmt.Fprintf(w, "awake and idle: %d tenants of %s processes, each %s MiB and %s ms/s of CPU\n",
		r.Awake.Tenants, number(r.Awake.Processes), number(r.Awake.MiB), number(r.Awake.CPU))
	for _, p := range []struct {
		what string
		seen idlePostern
	}{
		{fmt.Sprintf("%d used tenants asleep", r.half()), r.HalfAsleep},
		{fmt.Sprintf("%d used tenants asleep", r.Options.Crowd), r.CrowdAsleep},
		{fmt.Sprintf("and %d never used", r.Options.Records), r.AllAsleep},
	} {
		fmt.Fprintf(w, "Postern, %s: heap %s KiB, memory %s MiB, %s ms/s of CPU\n",
			p.what, number(p.seen.Heap/1024), number(p.seen.RSS/(1<<20)), number(p.seen.CPU))
	}
	writeVerdicts(w, "ratios to B; * absolute", r.Targets)
	fmt.Fprintf(w, "\nPostgreSQL %s, %s, %d cores, Linux %s, Go %s; load %s before, %s after\n",
		r.PostgreSQL, r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Machine.Go, r.Machine.Load, r.Machine.LoadAfter)
	fmt.Fprintln(w, "B and all else in turns, one thing at a time; medians (least–most). What else the machine does counts, most of all at once.")
}
