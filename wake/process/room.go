package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// makeRoom is how much a file system must have free for a tenant to be made on it: as
// much as it takes for the files of some, so that those that are there can still write.
const makeRoom = 256 << 20

// hasRoomToMake reports whether the file system that holds path has at least that.
func hasRoomToMake(path string) (bool, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return false, fmt.Errorf("look at free space: %w", err)
	}
	return s.Bavail*uint64(s.Bsize) >= makeRoom, nil
}

// hasRoom reports whether the file system that holds path has at least 1 GiB
// and 5 % free.
func hasRoom(path string) (bool, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return false, fmt.Errorf("look at free space: %w", err)
	}
	return roomy(s.Bavail*uint64(s.Bsize), s.Blocks*uint64(s.Bsize)), nil
}

func roomy(free, all uint64) bool { return free >= 1<<30 && free >= all/20 }
