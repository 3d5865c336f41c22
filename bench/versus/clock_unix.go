//go:build unix

package versus

import "golang.org/x/sys/unix"

// processTime returns the CPU time of the process, all threads together.
var processTime = func() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return float64(t.Sec) + 1e-9*float64(t.Nsec)
}
