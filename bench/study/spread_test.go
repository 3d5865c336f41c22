package study

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
)

func TestSpread(t *testing.T) {
	const n = 1000
	var calls [n]atomic.Int32
	if err := spread(n, func(i int, _ *atomic.Bool) error { calls[i].Add(1); return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		if got := calls[i].Load(); got != 1 {
			t.Errorf("do is called %d times with %d", got, i)
		}
	}
	if err := spread(0, nil); err != nil {
		t.Error(err)
	}
}

// The first to fail stops all: those under way see it, and none begins after.
func TestSpreadStops(t *testing.T) {
	broken := errors.New("broken")
	var begun atomic.Int32
	err := spread(1000, func(i int, stop *atomic.Bool) error {
		begun.Add(1)
		if i == 0 {
			return broken
		}
		for !stop.Load() {
			runtime.Gosched()
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("spread returns %v, want %v", err, broken)
	}
	if got := int(begun.Load()); got > runtime.GOMAXPROCS(0) {
		t.Errorf("%d calls begin though the first fails, want at most %d", got, runtime.GOMAXPROCS(0))
	}
}
