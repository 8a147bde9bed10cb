//go:build linux

package engine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that a loop makes by the million. They do not wait, or not for long,
// so Go's scheduler need not know of them.

// receive reads from a non-blocking descriptor.
func receive(fd int32, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// transmit writes to a non-blocking descriptor as much as it takes.
func transmit(fd int32, b []byte) (sent int, errno syscall.Errno) {
	for len(b) > 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
			b = b[n:]
		case unix.EINTR:
		default:
			return sent, errno
		}
	}
	return sent, 0
}

// shortWait is for how long a loop waits for events before it lets Go's scheduler
// know, in milliseconds: under load something happens within that.
const shortWait = 1

// poll waits for events, for so many milliseconds, for ever if negative. brief
// says that it may keep its processor meanwhile.
func poll(epoll int, events []unix.EpollEvent, timeout int, brief bool) int {
	call := unix.Syscall6
	if brief {
		call = unix.RawSyscall6
	}
	n, _, errno := call(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(timeout), 0, 0)
	if errno != 0 { // EINTR
		return 0
	}
	return int(n)
}
