package solvers_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// levels are κ of a rough grid, whose steps in log κ alternate 1:2, from 40 to about 0.02.
func levels() []float64 {
	const steps = 16
	out := []float64{40}
	for i := range steps {
		out = append(out, out[i]*math.Exp(-(1+float64(i%2))*7.6/(1.5*steps)))
	}
	return out
}

// scaled is a coefficient table for y = x/α, as rows over the initial state and the outputs.
func scaled(c *solvers.Coefficients, s sde.Schedule) (kappas []float64, rows [][]float64) {
	start := s.At(c.Grid[0]).Alpha
	row := func(r solvers.Row, alpha float64) []float64 {
		out := []float64{r.State * start / alpha}
		for _, v := range r.Outputs {
			out = append(out, v/alpha)
		}
		return out
	}
	for _, e := range c.Evaluations {
		p := s.At(e.Time)
		kappas, rows = append(kappas, p.Kappa()), append(rows, row(e.Input, p.Alpha))
	}
	p := s.At(c.Grid[len(c.Grid)-1])
	return append(kappas, p.Kappa()), append(rows, row(c.Result, p.Alpha))
}

// The data and the levels κ are all that a method in κ or λ knows of a schedule: posed as VP, VE, EDM,
// Flow or otherwise, its table for x/α is the same. Methods in time are not of that kind.
func TestSchedulesAreOneProblem(t *testing.T) {
	kappas := levels()
	run := func(name string, s sde.Schedule) ([]float64, [][]float64) {
		solver, err := solvers.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		var grid []float64
		for _, k := range kappas {
			grid = append(grid, s.Time(-math.Log(k)))
		}
		c, err := solvers.Trace(solver, s, grid)
		if err != nil {
			t.Fatalf("%s on %T: %v", name, s, err)
		}
		return scaled(c, s)
	}
	difference := func(a, b []float64) float64 {
		worst, largest := 0.0, 0.0
		for i := range a {
			worst, largest = math.Max(worst, math.Abs(a[i]-b[i])), math.Max(largest, math.Abs(a[i]))
		}
		return worst / largest
	}
	others := []sde.Schedule{sde.VE{}, sde.EDM{}, sde.Flow{}, sde.SubVP{}, sde.TrigFlow{}, sde.Cosine{}}
	for _, name := range []string{"ddim", "eulerkappa", "heunkappa", "rk4kappa", "dpm1", "dpm2", "dpm3", "dpm++2s", "dpm++3s", "dpm++2m",
		"dpm++2m:variant=heun", "expadams3", "expadams3:noise=true"} {
		levels, table := run(name, sde.VP{})
		for _, s := range others {
			gotLevels, got := run(name, s)
			if diff := cmp.Diff(levels, gotLevels, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
				t.Errorf("%s on %T: levels of the evaluations (-VP +got):\n%s", name, s, diff)
			}
			for i := range table {
				if d := difference(table[i], got[i]); !(d <= 1e-12) {
					t.Errorf("%s on %T: row %d differs by %.2g from that of VP", name, s, i, d)
				}
			}
		}
	}
	// A negative control: Euler's method in time sees the schedule.
	_, a := run("euler", sde.VP{})
	_, b := run("euler", sde.Flow{})
	if d := difference(a[len(a)-1], b[len(b)-1]); !(d > 1e-2) {
		t.Errorf("Euler's method in time differs by %.2g only", d)
	}
}

// The same on samples, through the exact models of each schedule.
func TestSchedulesGiveTheSameSamples(t *testing.T) {
	kappas := levels()
	sample := func(name string, s sde.Schedule) []float64 {
		solver, err := solvers.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := scoremodel.NewMixture(s,
			scoremodel.Component{Weight: 0.4, Mean: []float64{-1}, Variance: 0.12},
			scoremodel.Component{Weight: 0.6, Mean: []float64{1}, Variance: 0.06})
		if err != nil {
			t.Fatal(err)
		}
		var grid []float64
		for _, k := range kappas {
			grid = append(grid, s.Time(-math.Log(k)))
		}
		x := []float64{-60, -20, 0.5, 7, 45}
		for i := range x {
			x[i] *= s.At(grid[0]).Alpha
		}
		if _, err := solvers.Sample(context.Background(), solver, solvers.Problem{Schedule: s, Model: m, Dim: 1}, x, &solvers.Settings{Grid: grid}); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			x[i] /= s.At(grid[len(grid)-1]).Alpha
		}
		return x
	}
	for _, name := range []string{"ddim", "eulerkappa", "heunkappa", "dpm++2m"} {
		want := sample(name, sde.VP{})
		for _, s := range []sde.Schedule{sde.VE{}, sde.EDM{}, sde.Flow{}} {
			if diff := cmp.Diff(want, sample(name, s), cmpopts.EquateApprox(1e-11, 1e-11)); diff != "" {
				t.Errorf("%s on %T (-VP +got):\n%s", name, s, diff)
			}
		}
	}
}

// velocity is the exact prediction of αε - σx₀ for data N(0.7, 0.25), which exists at α = 0 too.
func velocity(s sde.Schedule) scoremodel.Model {
	return scoremodel.Func(scoremodel.Velocity, func(dst, x []float64, t float64) error {
		p := s.At(t)
		v := p.Alpha*p.Alpha*0.25 + p.Sigma*p.Sigma
		for i, x := range x {
			r := (x - 0.7*p.Alpha) / v
			dst[i] = p.Alpha*p.Sigma*r - p.Sigma*(0.7+0.25*p.Alpha*r)
		}
		return nil
	})
}

// From pure noise, α = 0, every solver samples, unless the model predicts noise or the score there, which is refused
// before it is called.
func TestStartsFromPureNoise(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]sde.Schedule{"Flow": sde.Flow{TMax: 1}, "table": latent(t).RescaledZeroSNR()} {
		for _, clean := range []bool{false, true} {
			for steps := 1; steps <= 60; steps += 1 + steps/5*9 {
				grid := mustTimes(t, solvers.TimeGrid{Zero: solvers.Zero{Clean: clean}}, s, steps)
				for _, solver := range append(solvers.Catalog(), variants...) {
					x := []float64{-1.5, 0, 0.3, 2}
					p := solvers.Problem{Schedule: s, Model: velocity(s), Dim: 1, Noise: sde.Fresh{Seed: 5}}
					if _, err := solvers.Sample(context.Background(), solver, p, x, &solvers.Settings{Grid: grid}); err != nil {
						t.Errorf("%s on %s, %d steps: %v", solvers.Name(solver), name, steps, err)
						continue
					}
					// The quantiles of N(0, 1) go to those of the data, as the flow cannot cross itself.
					if i := solver.Info(); steps > 50 && !i.Stochastic {
						end := s.At(grid[steps])
						std := math.Sqrt(0.25*end.Alpha*end.Alpha + end.Sigma*end.Sigma)
						for j, z := range []float64{-1.5, 0, 0.3, 2} {
							if want := 0.7*end.Alpha + std*z; !(math.Abs(x[j]-want) <= 0.1) {
								t.Errorf("%s on %s, %d steps: %v goes to %v, want %v", solvers.Name(solver), name, steps, z, x[j], want)
							}
						}
					}
					if steps == 1 && clean {
						for j := range x {
							if !(math.Abs(x[j]-0.7) <= 1e-15) { // the mean, all that is known
								t.Errorf("%s on %s: one step gives %v, want 0.7", solvers.Name(solver), name, x[j])
							}
						}
					}
				}
			}
		}
		for _, kind := range []scoremodel.Kind{scoremodel.Epsilon, scoremodel.Score} {
			m := scoremodel.Func(kind, func(_, _ []float64, _ float64) error { panic("called") })
			for _, solver := range solvers.Catalog() {
				p := solvers.Problem{Schedule: s, Model: m, Dim: 1, Noise: sde.Fresh{}}
				_, err := solvers.Sample(context.Background(), solver, p, []float64{1}, &solvers.Settings{Grid: []float64{1, 0.5}})
				if !errors.Is(err, solvers.ErrProblem) {
					t.Errorf("%s on %s with a model of kind %v: %v, want ErrProblem", solvers.Name(solver), name, kind, err)
				}
			}
			p := solvers.Problem{Schedule: s, Model: scoremodel.As(velocity(s), kind, s), Dim: 1}
			if _, err := solvers.Sample(context.Background(), solvers.DDIM{}, p, []float64{1}, &solvers.Settings{Grid: []float64{0.99, 0.5}}); err != nil {
				t.Errorf("%s with a model of kind %v from 0.99: %v", name, kind, err)
			}
		}
		control := &ode.Control{Abs: 1e-6, Rel: 1e-6}
		for solver, ok := range map[string]bool{"dp5": true, "dp5kappa": false} {
			v, err := solvers.ByName(solver)
			if err != nil {
				t.Fatal(err)
			}
			x := []float64{1}
			p := solvers.Problem{Schedule: sde.Flow{TMax: 1}, Model: velocity(sde.Flow{}), Dim: 1}
			_, err = solvers.Sample(context.Background(), v, p, x, &solvers.Settings{Grid: []float64{1, 1e-3}, Control: control})
			if (err == nil) != ok || !ok && !errors.Is(err, solvers.ErrGrid) {
				t.Errorf("adaptive %s from pure noise: %v", solver, err)
			}
			if want := 0.7*0.999 + math.Sqrt(0.25*0.999*0.999+1e-6); ok && !(math.Abs(x[0]-want) <= 1e-4) {
				t.Errorf("adaptive %s from pure noise: %v, want %v", solver, x[0], want)
			}
		}
	}
}

// Euler's method in time on a Flow is the published sampler of rectified flow, x += (t' - t)v, from pure noise
// on; and on a Flow that is DDIM.
func TestRectifiedFlowSampler(t *testing.T) {
	s := sde.Flow{TMax: 1}
	grid := mustTimes(t, solvers.FlowShiftGrid{Zero: solvers.Zero{Clean: true}}, s, 10)
	v := scoremodel.Func(scoremodel.Flow, func(dst, x []float64, t float64) error {
		for i, x := range x {
			dst[i] = math.Sin(3*x) + t
		}
		return nil
	})
	want := []float64{-1.2, 0.4, 2}
	for i := range want {
		for k := range 10 {
			want[i] += (grid[k+1] - grid[k]) * (math.Sin(3*want[i]) + grid[k])
		}
	}
	for _, name := range []string{"euler", "ddim"} {
		solver, err := solvers.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		x := []float64{-1.2, 0.4, 2}
		p := solvers.Problem{Schedule: s, Model: v, Dim: 3}
		if _, err := solvers.Sample(context.Background(), solver, p, x, &solvers.Settings{Grid: grid}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, x, cmpopts.EquateApprox(1e-11, 1e-12)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
