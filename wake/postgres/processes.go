package postgres

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// "123 (name) S …"; the name may hold anything.
	end := bytes.LastIndexByte(b, ')')
	return end > 0 && end+2 < len(b) && b[end+2] != 'Z' && b[end+2] != 'X'
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
		pid, err := strconv.Atoi(name)
		if err == nil && works(pid, uid, dataDir) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
