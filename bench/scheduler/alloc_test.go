package scheduler_test

import (
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/bench/scheduler"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// TestStepsDoNotAllocate steps every class on a state of a few rows.
func TestStepsDoNotAllocate(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("under the race detector a sync.Pool, which holds the model's workspace, drops items on purpose")
	}
	diffusion, flow := problems(t, sde.VP{})["mixture2d"], problems(t, sde.Flow{})["mixture2d"]
	for _, class := range scheduler.ClassNames() {
		config, err := scheduler.Read("c.json", []byte(`{"_class_name": "`+class+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		p := diffusion
		if strings.HasPrefix(class, "Flow") {
			p = flow
		}
		zeros := make([][]float64, 10_000)
		for i := range zeros {
			zeros[i] = make([]float64, 4)
		}
		p.Noise = sde.Replay{Draws: zeros}
		r, err := config.Run(p, 20, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := []float64{0.3, -0.2, 1.1, 0.4}
		st, err := r.Solver.Start(r.Problem, len(x))
		if err != nil {
			t.Fatal(err)
		}
		step := func() {
			for i := range 4 { // not the last: the frame takes that to clean data
				if err := st.Step(x, x, ode.Span{From: r.Grid[i], To: r.Grid[i+1], Index: i, N: len(r.Grid) - 1}); err != nil {
					t.Fatal(class, err)
				}
			}
			copy(x, []float64{0.3, -0.2, 1.1, 0.4})
		}
		step()
		if n := testing.AllocsPerRun(20, step); n >= 1 {
			t.Errorf("%s: %v allocations in four steps, want none", class, n)
		}
	}
}
