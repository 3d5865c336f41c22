package study

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// spread calls do with 0 to n-1, as many at once as there are processors, and returns the error of the lowest. After one has failed
// none begins, and those under way see stop set and may end early, without an error of their own.
func spread(n int, do func(i int, stop *atomic.Bool) error) error {
	var (
		group    sync.WaitGroup
		next     atomic.Int64
		stop     atomic.Bool
		failures = make([]error, n)
	)
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || stop.Load() {
					return
				}
				if failures[i] = do(i, &stop); failures[i] != nil {
					stop.Store(true)
				}
			}
		})
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

// oneAtATime lets calls of tick wait for one another.
func oneAtATime(tick func(what string)) func(what string) {
	var ticking sync.Mutex
	return func(what string) {
		ticking.Lock()
		defer ticking.Unlock()
		tick(what)
	}
}
