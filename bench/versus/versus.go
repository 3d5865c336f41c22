package versus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// A Result compares the two sides on one work with one peer. It is plain data.
type Result struct {
	Work    string  `json:"work"`
	Group   string  `json:"group"`
	Unit    string  `json:"unit"`
	Peer    string  `json:"peer"`
	Threads int     `json:"threads"`
	Rounds  int     `json:"rounds"`
	Ours    float64 `json:"ours"`        // seconds per unit, median of the rounds
	Theirs  float64 `json:"theirs"`      // the same of the peer
	Ratio   float64 `json:"ratio"`       // median of the rounds' ratios, ours by theirs
	Least   float64 `json:"ratio_least"` // of the rounds' ratios
	Most    float64 `json:"ratio_most"`
}

// Settings of a comparison.
type Settings struct {
	Works   []Work
	Rounds  int
	Threads int // on either side
}

// ErrPeer means that the other side cannot run at all.
var ErrPeer = errors.New("the peers do not run")

// Compare makes rounds of every work on both sides in turn. A work that the peers cannot do is left out, with a warning. tick is called
// after each work.
func Compare(ctx context.Context, peers *Peers, set Settings, tick func(what string)) (out []Result, warnings []string, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(set.Threads))
	for _, w := range set.Works {
		results, warning, err := compare(ctx, peers, w, set)
		if err != nil {
			return out, warnings, err
		}
		if warning != "" {
			warnings = append(warnings, warning)
		}
		out = append(out, results...)
		tick(w.Name)
	}
	return out, warnings, nil
}

func compare(ctx context.Context, peers *Peers, w Work, set Settings) (out []Result, warning string, err error) {
	once, err := w.start(set.Threads)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", w.Name, err)
	}
	if err := once(ctx); err != nil { // what a first run sets up is not timed
		return nil, "", fmt.Errorf("%s: %w", w.Name, err)
	}
	clock := newClock(set.Threads)
	ours, theirs := make([]float64, 0, set.Rounds), map[string][]float64{}
	for range set.Rounds {
		answer, err := peers.round(ctx, w.Name)
		if err != nil {
			return nil, "", err
		}
		if answer.Error != "" {
			return nil, fmt.Sprintf("%s: the peers cannot do it: %s", w.Name, answer.Error), nil
		}
		for name, seconds := range answer.Seconds {
			theirs[name] = append(theirs[name], seconds)
		}
		seconds, err := round(ctx, clock, once, w.units)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", w.Name, err)
		}
		ours = append(ours, seconds)
	}
	var names []string
	for name := range theirs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		ratios := make([]float64, len(ours))
		for i, seconds := range ours {
			ratios[i] = seconds / theirs[name][i]
		}
		out = append(out, Result{Work: w.Name, Group: w.Group, Unit: w.Unit, Peer: name, Threads: set.Threads, Rounds: set.Rounds,
			Ours: median(ours), Theirs: median(theirs[name]), Ratio: median(ratios), Least: slices.Min(ratios), Most: slices.Max(ratios)})
	}
	return out, "", nil
}

// least is how long a round takes at least, in seconds; the peers' side takes as long.
const least = 0.03

// round repeats once for a while and returns the median of the seconds per unit.
func round(ctx context.Context, clock clock, once func(context.Context) error, units float64) (float64, error) {
	var times []float64
	for spent := 0.0; spent < least; {
		start := clock.now()
		if err := once(ctx); err != nil {
			return 0, err
		}
		seconds := clock.now() - start
		times = append(times, seconds/units)
		spent += max(seconds, 1e-7) // a clock of coarse ticks must not hold the round up for ever
	}
	return median(times), nil
}

func median(x []float64) float64 {
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	return stat.Quantile(0.5, stat.LinInterp, sorted, nil)
}
