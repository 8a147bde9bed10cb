package process

import (
	"os"
	"slices"
	"testing"
	"testing/fstest"
)

func TestMemories(t *testing.T) {
	t.Parallel()
	const meminfo = "MemTotal:       1000 kB\nMemFree:        1 kB\nMemAvailable:   400 kB\nHugePages_Total: 0\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  []memory
	}{
		"nothing to read": {},
		"no control group": {
			map[string]string{"proc/meminfo": meminfo},
			[]memory{{1000 << 10, 400 << 10}},
		},
		"version 2, limits at two levels": {
			map[string]string{
				"proc/meminfo":                                              meminfo,
				"proc/self/cgroup":                                          "0::/system.slice/postern.service\n",
				"sys/fs/cgroup/system.slice/memory.max":                     "5000\n",
				"sys/fs/cgroup/system.slice/memory.current":                 "6000\n",
				"sys/fs/cgroup/system.slice/postern.service/memory.max":     "2000\n",
				"sys/fs/cgroup/system.slice/postern.service/memory.current": "1500\n",
				"sys/fs/cgroup/system.slice/postern.service/memory.stat":    "anon 1\ninactive_file 500\n",
			},
			[]memory{{1000 << 10, 400 << 10}, {2000, 1000}, {5000, 0}},
		},
		"version 2, a container, no limit": {
			map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "1\n"},
			nil,
		},
		"version 1, its own directory out of sight": {
			map[string]string{
				"proc/self/cgroup":                           "8:pids:/\n4:memory:/docker/1234\n0::/\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "700\n",
				"sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 200\n",
			},
			[]memory{{2000, 1500}},
		},
		"version 1, no limit": {
			map[string]string{
				"proc/self/cgroup":                           "4:memory:/\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "700\n",
			},
			nil,
		},
	} {
		system := fstest.MapFS{}
		for file, text := range c.files {
			system[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memories(system); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if all := memories(os.DirFS("/")); len(all) == 0 || all[0].total == 0 || all[0].available == 0 {
		t.Errorf("here: %v", all)
	}
}

func TestMemoryShort(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct {
		total, available uint64
		want             bool
	}{
		{512 * mib, 63 * mib, true}, {512 * mib, 64 * mib, false},
		{4096 * mib, 204 * mib, true}, {4096 * mib, 205 * mib, false},
		{1 << 40, 511 * mib, true}, {1 << 40, 512 * mib, false},
	} {
		if got := (memory{c.total, c.available}).short(); got != c.want {
			t.Errorf("%d of %d MiB: short is %v", c.available/mib, c.total/mib, got)
		}
	}
}
