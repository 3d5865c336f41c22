package solvers_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// The tableau that the catalogue leaves out keeps the contract too.
func TestStochasticMidpointConformance(t *testing.T) {
	solvertest.Run(t, solvers.StochasticRungeKutta{Tableau: sde.StochasticMidpoint, Tau: 1})
}

// flat is noise that knows W only.
type flat struct{ sde.Noise }

func (f flat) Path(first, rows, dim int) sde.Brownian {
	return struct{ sde.Brownian }{f.Noise.Path(first, rows, dim)}
}

// What does not fit is refused before the model is asked.
func TestStochasticRungeKuttaRefuses(t *testing.T) {
	p := twoClouds(t, sde.VP{})
	p.Model = scoremodel.Func(scoremodel.Epsilon, func([]float64, []float64, float64) error {
		t.Error("the model is asked")
		return nil
	})
	broken := sde.SRA1
	broken.W = nil
	for _, c := range []struct {
		what   string
		solver solvers.Solver
		noise  sde.Noise
		want   error
	}{
		{"a path without Lévy area", named(t, "sra1"), flat{p.Noise}, sde.ErrNeedsArea},
		{"a path without Lévy area, where none is needed", named(t, "stochasticheun"), flat{p.Noise}, nil},
		{"a path without Lévy area, where no noise is needed", named(t, "sra1:tau=0"), flat{p.Noise}, nil},
		{"no noise", named(t, "sra1"), nil, solvers.ErrNeedsNoise},
		{"a negative tau", solvers.StochasticRungeKutta{Tableau: sde.SRA1, Tau: -1}, p.Noise, solvers.ErrParameter},
		{"tau NaN", solvers.StochasticRungeKutta{Tableau: sde.SRA1, Tau: math.NaN()}, p.Noise, solvers.ErrParameter},
		{"no tableau", solvers.StochasticRungeKutta{Tau: 1}, p.Noise, solvers.ErrParameter},
		{"half a tableau", solvers.StochasticRungeKutta{Tableau: broken, Tau: 1}, p.Noise, sde.ErrTableau},
	} {
		p.Noise = c.noise
		if _, err := c.solver.Start(p, 6); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: Start returns %v, want %v", c.what, err, c.want)
		}
		p.Noise = sde.Fresh{}
	}
}

// The first stage of the stochastic Heun method is a step of Euler and Maruyama, for every tau by hand: the law alone does not tell one tau from another.
func TestStochasticRungeKuttaByHand(t *testing.T) {
	alpha := math.Exp(-(0.1*0.6 + 19.9*0.6*0.6/2) / 2)
	sigma, beta := math.Sqrt(1-alpha*alpha), 0.1+19.9*0.6
	const h = 0.6 - 0.4
	for _, tau := range []float64{0.5, 1, 1.5} {
		table := trace(t, solvers.StochasticRungeKutta{Tableau: sde.StochasticHeun, Tau: tau}, []float64{0.6, 0.4})
		want := solvers.Row{State: 1 + beta/2*h, Outputs: []float64{-(1 + tau*tau) / 2 * beta / sigma * h}, Noises: []float64{tau * math.Sqrt(beta*h)}}
		if diff := cmp.Diff(want, table.Evaluations[1].Input, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("tau %v, the second stage (-want +got):\n%s", tau, diff)
		}
	}
}

// A path is one path: what a solver asks for piece by piece, in any order and over intervals that overlap, is joined by Chen's relation. The table foretells
// what a run on a path that remembers gives.
func TestTraceOfNestedAreas(t *testing.T) {
	grid := []float64{1, 0.2}
	from, to := grid[0], grid[1]
	a, b := from+0.25*(to-from), from+0.625*(to-from)
	requests := []struct {
		from, to float64
		area     bool
		w, h     float64 // what the result takes of it
	}{
		{from, a, false, 1, 0},
		{from, b, true, 2, 3},
		{a, b, true, -1, 5},
		{from, to, true, 0.5, -7},
		{b, to, false, 0.25, 0},
	}
	nested := custom{solvers.Info{Name: "nested", NFE: 1, Stochastic: true}, func(p solvers.Problem, n int) ode.Stepper {
		path, w, h := p.Noise.Path(0, n/p.Dim, p.Dim).(sde.SpaceTime), make([]float64, n), make([]float64, n)
		return stepFunc(func(dst, src []float64, at ode.Span) error {
			if err := p.Model.Predict(w, src, at.From); err != nil {
				return err
			}
			copy(dst, src)
			for _, r := range requests {
				clear(h)
				var err error
				if r.area {
					err = path.Area(w, h, r.from, r.to)
				} else {
					err = path.Increment(w, r.from, r.to)
				}
				if err != nil {
					return err
				}
				for i := range dst {
					dst[i] += r.w*w[i] + r.h*h[i]
				}
			}
			return nil
		})
	}}
	table := trace(t, nested, grid)
	areas := 0
	for _, d := range table.Draws {
		if d.Area {
			areas++
		}
	}
	if len(table.Draws) != 6 || areas != 3 {
		t.Errorf("the draws are %v, want W and H of three intervals", table.Draws)
	}

	noise := sde.GridPath{Seed: 6, Grid: []float64{from, a, b, to}}
	const rows = 5
	p := solvers.Problem{Schedule: sde.VP{}, Dim: 1, Noise: noise,
		Model: scoremodel.Func(scoremodel.Epsilon, func(dst, _ []float64, _ float64) error { clear(dst); return nil })}
	got := make([]float64, rows)
	st, err := nested.Start(p, rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := ode.Walk(st, got, grid); err != nil {
		t.Fatal(err)
	}
	want, w, h := make([]float64, rows), make([]float64, rows), make([]float64, rows)
	path := noise.Path(0, rows, 1).(sde.SpaceTime)
	for k, d := range table.Draws {
		if err := path.Area(w, h, d.From, d.To); err != nil {
			t.Fatal(err)
		}
		z, deviation := w, math.Sqrt(math.Abs(d.To-d.From))
		if d.Area {
			z, deviation = h, deviation/math.Sqrt(12)
		}
		for i := range want {
			want[i] += table.Result.Noises[k] / deviation * z[i]
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
		t.Errorf("the result (-foretold by the table +run):\n%s", diff)
	}
}

// The best guess of the exact noise of a step from W and H, by its covariances with them, misses what is left of its variance.
func TestStrongErrorWithAreas(t *testing.T) {
	data := solvers.Normal{Mean: 0.7, Variance: 0.25}
	moment := func(from, to float64) (psi, tilt float64) { // ∫ψ and ∫ψ(1/2 - θ), by Simpson's rule
		reach := func(u float64) float64 {
			factor, _, _ := transition(u, to, 0.25)
			return factor * math.Sqrt(0.1+19.9*u)
		}
		const n = 100
		h := (from - to) / n
		for i := range n {
			a, m, b := from-float64(i)*h, from-(float64(i)+0.5)*h, from-float64(i+1)*h
			for _, q := range []struct{ u, weight float64 }{{a, 1}, {m, 4}, {b, 1}} {
				u := math.Max(q.u, to+1e-12)
				psi += h / 6 * q.weight * reach(u)
				tilt += h / 6 * q.weight * reach(u) * (0.5 - (from-u)/(from-to))
			}
		}
		return psi, tilt
	}
	s := custom{solvers.Info{Name: "guess", NFE: 1, Stochastic: true}, func(p solvers.Problem, n int) ode.Stepper {
		path, epsilon := p.Noise.Path(0, n/p.Dim, p.Dim).(sde.SpaceTime), make([]float64, n)
		w, h := make([]float64, n), make([]float64, n)
		return stepFunc(func(dst, src []float64, at ode.Span) error {
			if err := p.Model.Predict(epsilon, src, at.From); err != nil {
				return err
			}
			if err := path.Area(w, h, at.From, at.To); err != nil {
				return err
			}
			from, to := p.Schedule.At(at.From), p.Schedule.At(at.To)
			factor, _, _ := transition(at.From, at.To, 0.25)
			scale := (from.Alpha*from.Alpha*0.25 + from.Sigma*from.Sigma) / from.Sigma
			carry := to.Alpha / from.Alpha
			psi, tilt := moment(at.From, at.To)
			for i, x := range src {
				dst[i] = carry*(x-scale*epsilon[i]) + factor*scale*epsilon[i] - (psi/at.H())*w[i] - (12*tilt/at.H())*h[i]
			}
			return nil
		})
	}}
	grid := []float64{1, 0.8, 0.55, 0.3, 0.1}
	want := 0.0
	for at := range ode.Spans(grid) {
		_, variance, _ := transition(at.From, at.To, 0.25)
		psi, tilt := moment(at.From, at.To)
		carried := 1.0
		if last := grid[len(grid)-1]; at.To > last {
			carried, _, _ = transition(at.To, last, 0.25)
		}
		want += carried * carried * (variance + (psi*psi+12*tilt*tilt)/at.H())
	}
	want = math.Sqrt(want)
	if got := trace(t, s, grid).StrongError(data); !cmp.Equal(want, got, cmpopts.EquateApprox(1e-6, 0)) {
		t.Errorf("the strong error is %.10g, want %.10g", got, want)
	}
}

// On one path a run with more steps approaches the run with most, at the strong order, and rows do not depend on the batch.
func TestStochasticRungeKuttaOnGridPath(t *testing.T) {
	p := twoClouds(t, sde.VP{})
	fine := times(t, solvers.TimeGrid{}, 256)
	p.Noise = sde.GridPath{Seed: 9, Grid: fine}
	sample := func(first, rows, steps int) []float64 {
		var grid []float64
		for i := 0; i < len(fine); i += 256 / steps {
			grid = append(grid, fine[i])
		}
		x := solvers.Prior(sde.VP{}, 4, 8, 2)[2*first : 2*(first+rows)]
		p.Row = first
		if _, err := solvers.Sample(context.Background(), named(t, "sra1"), p, x, &solvers.Settings{Grid: grid}); err != nil {
			t.Fatal(err)
		}
		return x
	}
	if diff := cmp.Diff(sample(0, 8, 32)[6:10], sample(3, 2, 32)); diff != "" {
		t.Errorf("two rows (-in the batch +alone):\n%s", diff)
	}
	worst := func(steps int) float64 {
		want, got, d := sample(0, 8, 256), sample(0, 8, steps), []float64{}
		for i := range got {
			d = append(d, math.Abs(got[i]-want[i]))
		}
		return slices.Max(d)
	}
	if coarse, fine := worst(16), worst(64); !(coarse/fine > 4) {
		t.Errorf("errors of %.3g with 16 steps and %.3g with 64", coarse, fine)
	}
}
