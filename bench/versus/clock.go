package versus

import "time"

// A clock tells seconds. With one thread they are the process' CPU time where the system tells it, so that neighbours
// who take the processor away do not count; with more they are the wall's.
type clock struct{ now func() float64 }

func newClock(threads int) clock {
	if threads == 1 && processTime != nil {
		return clock{processTime}
	}
	start := time.Now()
	return clock{func() float64 { return time.Since(start).Seconds() }}
}
