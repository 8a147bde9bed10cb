package postgres

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// processStat is what the kernel says of a process.
type processStat struct {
	state  byte // 'R' runs, 'S' sleeps, 'T' is stopped, 'Z' has ended, …
	parent int
}

// statOf looks at a process; false if there is none.
func statOf(pid int) (processStat, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processStat{}, false
	}
	// "123 (name) S 1 …"; the name may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 {
		return processStat{}, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return processStat{state: fields[0][0], parent: parent}, err == nil
}

// stopped reports whether the process does nothing until SIGCONT.
func (s processStat) stopped() bool { return s.state == 'T' }

// ended reports whether only its parent has yet to hear of its end.
func (s processStat) ended() bool { return s.state == 'Z' || s.state == 'X' }

// alive reports whether a process is there; a zombie is not.
func alive(pid int) bool {
	s, ok := statOf(pid)
	return ok && !s.ended()
}

// works reports whether pid is a postgres process of uid whose working
// directory is the data directory, as that of every postmaster and of all its
// children is.
func works(pid int, uid uint32, dataDir os.FileInfo) bool {
	proc := "/proc/" + strconv.Itoa(pid)
	info, err := os.Stat(proc)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != uid {
		return false
	}
	name, err := os.ReadFile(proc + "/comm")
	if err != nil || string(name) != "postgres\n" {
		return false
	}
	cwd, err := os.Stat(proc + "/cwd")
	return err == nil && os.SameFile(cwd, dataDir)
}

// workers lists the postgres processes of a data directory.
func workers(uid uint32, dataDir os.FileInfo) ([]int, error) {
	return processes(func(pid int) bool { return works(pid, uid, dataDir) })
}

// children lists the processes that descend from a process directly.
func children(pid int) ([]int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil { // not every kernel tells
		return processes(func(child int) bool {
			s, ok := statOf(child)
			return ok && s.parent == pid
		})
	}
	var pids []int
	for _, field := range strings.Fields(string(b)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("list children of process %d: %w", pid, err)
		}
		pids = append(pids, child)
	}
	return pids, nil
}

// processes lists the processes of the machine that are wanted.
func processes(wanted func(pid int) bool) ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && wanted(pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
