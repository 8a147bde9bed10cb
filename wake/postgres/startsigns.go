package postgres

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// startSigns tells when the log or the data directory's own files change, so
// that a start is noticed at once.
type startSigns struct {
	changed chan struct{} // holds at most one; many changes are one
	inotify *os.File
	reading sync.WaitGroup
}

// watchStart begins to watch; the caller closes it.
func watchStart(dataDir, logFile string) (*startSigns, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch start: %w", err)
	}
	s := &startSigns{changed: make(chan struct{}, 1), inotify: os.NewFile(uintptr(fd), "inotify")}
	if _, err := unix.InotifyAddWatch(fd, logFile, unix.IN_MODIFY); err != nil {
		s.inotify.Close()
		return nil, fmt.Errorf("watch start: %w", err)
	}
	// postmaster.pid is not there yet, so the directory is watched.
	if _, err := unix.InotifyAddWatch(fd, dataDir, unix.IN_MODIFY); err != nil {
		s.inotify.Close()
		return nil, fmt.Errorf("watch start: %w", err)
	}
	s.reading.Go(s.read)
	return s, nil
}

func (s *startSigns) read() {
	events := make([]byte, 4096)
	for {
		if _, err := s.inotify.Read(events); err != nil {
			return
		}
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
}

func (s *startSigns) close() {
	s.inotify.Close()
	s.reading.Wait()
}
