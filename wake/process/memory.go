package process

import (
	"bufio"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// MemoryShort reports whether there is too little memory to start one more instance:
// less than 5 % is available of what the machine has, or of what the control groups
// of this process allow it, whose limit is nearest; in any case if it is less than
// 64 MiB, and never from 512 MiB on. Where that cannot be read there is enough.
func (d *Driver) MemoryShort() bool {
	for _, m := range memories(os.DirFS("/")) {
		if m.short() {
			return true
		}
	}
	return false
}

// memory is how many bytes there are, and how many more can be had.
type memory struct{ total, available uint64 }

// The bounds of what must be available.
const (
	leastAvailable  = 64 << 20
	amplyAvailable  = 512 << 20
	availableFactor = 20 // 5 %
)

func (m memory) short() bool {
	return m.available < min(max(m.total/availableFactor, leastAvailable), amplyAvailable)
}

// memories are those of the machine and of each control group that limits this
// process, in a file system with proc and sys.
func memories(system fs.FS) (all []memory) {
	machine := fields(system, "proc/meminfo", ":")
	if total, ok := machine["MemTotal"]; ok {
		all = append(all, memory{total << 10, machine["MemAvailable"] << 10})
	}
	for _, group := range controlGroups(system) {
		if m, ok := group.memory(system); ok && m.total < math.MaxInt64/2 {
			all = append(all, m)
		}
	}
	return all
}

// controlGroup is a directory in one of the two forms that the kernel has.
type controlGroup struct {
	dir                   string
	limit, used, reusable string
}

// controlGroups are those of this process, from its own up to the root; a container
// sees its own as the root.
func controlGroups(system fs.FS) (groups []controlGroup) {
	text, _ := fs.ReadFile(system, "proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) < 3 {
			continue
		}
		group := controlGroup{"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"}
		switch part[1] {
		case "":
		case "memory":
			group = controlGroup{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
		default:
			continue
		}
		root := group.dir
		for below := path.Clean("/" + part[2]); ; below = path.Dir(below) {
			group.dir = path.Join(root, below)
			groups = append(groups, group)
			if below == "/" {
				break
			}
		}
	}
	return groups
}

// memory is that of the group, if it has a limit. The files that it has read lately
// and may drop count as available.
func (g controlGroup) memory(system fs.FS) (memory, bool) {
	limit, ok := number(system, path.Join(g.dir, g.limit))
	used, known := number(system, path.Join(g.dir, g.used))
	if !ok || !known {
		return memory{}, false
	}
	used -= min(used, fields(system, path.Join(g.dir, "memory.stat"), "")[g.reusable])
	return memory{limit, limit - min(limit, used)}, true
}

// number reads a file that holds one; "max" is none.
func number(system fs.FS, name string) (uint64, bool) {
	text, err := fs.ReadFile(system, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// fields reads lines of a name, with a suffix, and a number.
func fields(system fs.FS, name, suffix string) map[string]uint64 {
	values := map[string]uint64{}
	f, err := system.Open(name)
	if err != nil {
		return values
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		if n, err := strconv.ParseUint(words[1], 10, 64); err == nil {
			values[strings.TrimSuffix(words[0], suffix)] = n
		}
	}
	return values
}
