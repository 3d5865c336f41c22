package versus

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMain lets the test's own binary play the Python interpreter: then nothing but Go is needed.
func TestMain(m *testing.M) {
	if role := os.Getenv("VERSUS_ROLE"); role != "" {
		play(role)
		return
	}
	os.Exit(m.Run())
}

// play answers requests in a role.
func play(role string) {
	if role == "no module" {
		fmt.Fprintln(os.Stderr, "Traceback\nModuleNotFoundError: No module named 'torch'")
		os.Exit(1)
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var request struct{ Work string }
		if err := json.Unmarshal(in.Bytes(), &request); err != nil {
			os.Exit(2)
		}
		a := answer{Work: request.Work, Seconds: map[string]float64{"slow": 1, "slower": 2}}
		switch role {
		case "unable":
			a.Seconds, a.Error = nil, "KeyError"
		case "confused":
			a.Work = "something else"
		case "timeless":
			a.Seconds["slow"] = 0
		}
		json.NewEncoder(os.Stdout).Encode(a)
	}
}

// start starts the test's binary in a role.
func start(t *testing.T, ctx context.Context, role string) *Peers {
	t.Helper()
	t.Setenv("VERSUS_ROLE", role)
	p, err := Start(ctx, os.Args[0], "../..", 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sleepy is a work of a known duration.
func sleepy(units float64) Work {
	return Work{Name: "sleep/long", Group: Noise, Unit: "nap", units: units, start: func(int) (func(context.Context) error, error) {
		return func(context.Context) error { time.Sleep(20 * time.Millisecond); return nil }, nil
	}}
}

func TestCompare(t *testing.T) {
	p := start(t, t.Context(), "willing")
	ticks := 0
	// Two threads, for which the time is the wall's: sleeping takes no CPU time.
	results, warnings, err := Compare(t.Context(), p, Settings{Works: []Work{sleepy(2)}, Rounds: 3, Threads: 2}, func(string) { ticks++ })
	if err != nil || len(warnings) > 0 || ticks != 1 {
		t.Fatalf("Compare: %v, warnings %v, %d ticks", err, warnings, ticks)
	}
	if err := p.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	var peers []string
	for i, r := range results {
		peers = append(peers, r.Peer)
		theirs := float64(i + 1)
		if r.Theirs != theirs || !(r.Ours >= 0.01 && r.Ours < 1) {
			t.Errorf("%s: %v s against %v s, want a nap of 10 ms against %v s", r.Peer, r.Ours, r.Theirs, theirs)
		}
		if !(r.Least <= r.Ratio && r.Ratio <= r.Most) || math.Abs(r.Ratio-r.Ours/theirs) > 0.2*r.Ratio {
			t.Errorf("%s: ratio %v between %v and %v, want about %v", r.Peer, r.Ratio, r.Least, r.Most, r.Ours/theirs)
		}
	}
	if diff := cmp.Diff([]string{"slow", "slower"}, peers); diff != "" {
		t.Errorf("peers (-want +got):\n%s", diff)
	}
}

// A work that the peers cannot do is left out; anything else that they do wrong ends the comparison and says why.
func TestComparePeersFail(t *testing.T) {
	for _, test := range []struct {
		role, warning, err string
	}{
		{"unable", "KeyError", ""},
		{"confused", "", "not asked for"},
		{"timeless", "", "0 seconds"},
		{"no module", "", "No module named 'torch'; make a virtual environment"},
	} {
		t.Run(test.role, func(t *testing.T) {
			p := start(t, t.Context(), test.role)
			results, warnings, err := Compare(t.Context(), p, Settings{Works: []Work{sleepy(1)}, Rounds: 2, Threads: 2}, func(string) {})
			if len(results) > 0 {
				t.Errorf("results %v", results)
			}
			if test.warning != "" && (err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], test.warning)) {
				t.Errorf("warnings %q, error %v, want a warning of %q", warnings, err, test.warning)
			}
			if test.err != "" && (!errors.Is(err, ErrPeer) || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
		})
	}
}

func TestStartRefuses(t *testing.T) {
	if _, err := Start(t.Context(), "no-such-interpreter", "../..", 1); !errors.Is(err, ErrPeer) || !strings.Contains(err.Error(), "virtual environment") {
		t.Errorf("without an interpreter: %v, want how to install one", err)
	}
	if _, err := Start(t.Context(), os.Args[0], t.TempDir(), 1); !errors.Is(err, ErrPeer) || !strings.Contains(err.Error(), Script) {
		t.Errorf("away from the repository: %v, want the name of the script", err)
	}
}

func TestCompareCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := start(t, ctx, "willing")
	cancel()
	if _, _, err := Compare(ctx, p, Settings{Works: []Work{sleepy(1)}, Rounds: 2, Threads: 2}, func(string) {}); err == nil {
		t.Error("a cancelled comparison has no error")
	}
}

// Every work can be done here, and is known by one name. The long ones are only begun.
func TestWorks(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range Works() {
		if seen[w.Name] {
			t.Errorf("two works are named %s", w.Name)
		}
		seen[w.Name] = true
		once, err := w.start(1)
		if err != nil {
			t.Errorf("%s: %v", w.Name, err)
			continue
		}
		if strings.HasPrefix(w.Name, "run/") || strings.HasSuffix(w.Name, "/1048576") {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			once(ctx)
			cancel()
			continue
		}
		if err := once(t.Context()); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
	}
}

// Twice the work takes longer, and the factors are those of the sizes.
func TestScale(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	ticks := 0
	sizes, err := Scale(t.Context(), 1, func(string) { ticks++ })
	if err != nil {
		t.Fatal(err)
	}
	if len(sizes) != Sizes() || ticks != Sizes() {
		t.Errorf("%d sizes and %d ticks, want %d", len(sizes), ticks, Sizes())
	}
	for i, s := range sizes {
		if last := i == len(sizes)-1 || sizes[i+1].Kind != s.Kind; last && !(s.Factor == 128 && s.Cost > 16 && s.Cost < 1000) {
			t.Errorf("%s %d: %v times the smallest takes %v times as long", s.Kind, s.Value, s.Factor, s.Cost)
		}
	}
}
