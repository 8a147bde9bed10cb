package main

import "testing"

func TestParseTracers(t *testing.T) {
	t.Parallel()
	const perf = "# started on Tue Nov 24 14:02:58 2026\n\n11677,,raw_syscalls:sys_enter,16077216,100.00,,\n"
	if got, err := parsePerf(perf); err != nil || got != 11677 {
		t.Errorf("perf: %v, %v", got, err)
	}
	for _, bad := range []string{"", "<not counted>,,raw_syscalls:sys_enter,0,100.00,,\n", "5,,cycles,1,1\n"} {
		if got, err := parsePerf(bad); err == nil {
			t.Errorf("perf %q: %v", bad, got)
		}
	}
	const strace = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 62.31    0.012345           3      4000        12 recvfrom
 37.69    0.007466           2      3000           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.019811           2      7000        12 total
`
	if got, err := parseStrace(strace); err != nil || got != 7000 {
		t.Errorf("strace: %v, %v", got, err)
	}
	const older = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
100.00    0.019811                  7000           total
`
	if got, err := parseStrace(older); err != nil || got != 7000 {
		t.Errorf("older strace: %v, %v", got, err)
	}
	if got, err := parseStrace("strace: Process 1 attached\n"); err == nil {
		t.Errorf("strace without a table: %v", got)
	}
}
