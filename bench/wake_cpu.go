package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"postern/wake/postgres"
)

// cpuByHand starts the sleeping tenant's postgres by hand and returns what all
// its processes have used up to the first row: those that run by their clocks,
// the postmaster and those that it has waited for by what the kernel says when
// the postmaster is waited for. To read it at that moment the postmaster is
// killed, so the tenant has to recover at its next start.
func (d *dev) cpuByHand(ctx context.Context, id string) (time.Duration, error) {
	before, err := childrenUsage()
	if err != nil {
		return 0, err
	}
	instance, err := d.cluster(id).Start(ctx)
	if err != nil {
		return 0, err
	}
	defer instance.Release()
	used, err := d.rowAndClocks(ctx, id, instance.PID)
	workers := children(instance.PID)
	if stopErr := instance.Stop(context.WithoutCancel(ctx), postgres.Mode(unix.SIGKILL)); err == nil {
		err = stopErr
	}
	for _, pid := range workers { // they end when they notice
		for ctx.Err() == nil && runs(pid) {
			time.Sleep(time.Millisecond)
		}
	}
	if err != nil {
		return 0, err
	}
	after, err := childrenUsage()
	return used + after - before, err
}

// rowAndClocks asks for the first row and reads the clocks of the postmaster's
// children while the connection is still open.
func (d *dev) rowAndClocks(ctx context.Context, id string, postmaster int) (used time.Duration, err error) {
	conn, err := pgx.Connect(ctx, d.superuserDSN(id))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	var one int
	if err := conn.QueryRow(ctx, "select 1").Scan(&one); err != nil {
		return 0, err
	}
	for _, clock := range clocks(children(postmaster)) {
		used += clock
	}
	return used, nil
}

// childrenUsage is the CPU of all children that were waited for, and of theirs.
func childrenUsage() (time.Duration, error) {
	var usage unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_CHILDREN, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}

// clocks reads the CPU of processes. Those that are gone are left out.
func clocks(pids []int) map[int]time.Duration {
	found := make(map[int]time.Duration, len(pids))
	for _, pid := range pids {
		if used, err := consumed(pid); err == nil {
			found[pid] = used.total
		}
	}
	return found
}

// runs reports whether a process runs; a zombie does not.
func runs(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	s, err := parseStat(string(text))
	return err == nil && s.state != "Z"
}
