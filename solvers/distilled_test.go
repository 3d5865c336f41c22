package solvers_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// TestDistilledCoefficients compares a step's table with the papers' formulas. In the table a data
// prediction is (x - σε)/α.
func TestDistilledCoefficients(t *testing.T) {
	vp := sde.VP{}
	const from, to = 0.002, 0.0012 // early, where boundary conditions show
	p, q := vp.At(from), vp.At(to)
	tmin, _ := vp.Domain()
	k, kmin, kto := p.Kappa(), vp.At(tmin).Kappa(), q.Kappa()
	row := func(state, data, noise float64) solvers.Row {
		return solvers.Row{State: state + data/p.Alpha, Outputs: []float64{-data * p.Sigma / p.Alpha}, Noises: []float64{noise}}
	}
	tcd := func(gamma, at float64) solvers.Row {
		r := vp.At(at)
		scale := q.Alpha / r.Alpha
		return solvers.Row{
			State:   scale * r.Alpha / p.Alpha,
			Outputs: []float64{scale * (r.Sigma - r.Alpha*p.Sigma/p.Alpha)},
			Noises:  []float64{math.Sqrt(q.Sigma*q.Sigma - scale*scale*r.Sigma*r.Sigma)},
		}
	}
	// c_skip X + c_out F, with F = (D - d²/(κ²+d²) X) √(κ²+d²)/(κd).
	consistency := func(d, kmin float64) solvers.Row {
		skip, out := d*d/((k-kmin)*(k-kmin)+d*d), d*(k-kmin)/math.Sqrt(k*k+d*d)
		raw := math.Sqrt(k*k+d*d) / (k * d)
		return row(q.Alpha/p.Alpha*(skip-out*raw*d*d/(k*k+d*d)), q.Alpha*out*raw, q.Alpha*math.Sqrt(kto*kto-kmin*kmin))
	}
	for _, test := range []struct {
		s    solvers.Solver
		want solvers.Row
	}{
		// The time's index is 1.
		{solvers.LCM{}, row(q.Alpha*0.25/100.25, q.Alpha*10/math.Sqrt(100.25), q.Sigma)},
		{solvers.LCM{Scaling: 0.5}, row(q.Alpha*0.5, q.Alpha*math.Sqrt(0.5), q.Sigma)},
		{solvers.LCM{Scaling: 0.5, Train: 500}, row(q.Alpha, 0, q.Sigma)},
		{solvers.TCD{Gamma: 0.1}, tcd(0.1, 0.9*to)},
		{solvers.TCD{Gamma: 0.3}, tcd(0.3, tmin)}, // 0.00084 lies below the schedule's domain
		{solvers.TCD{Gamma: 1}, tcd(1, tmin)},
		{solvers.Consistency{}, consistency(0.5, kmin)},
		{solvers.Consistency{Deviation: 0.05, KappaMin: 0.9 * kto}, consistency(0.05, 0.9*kto)},
		{solvers.TrigFlow{}, row(0, q.Alpha, q.Sigma)},
	} {
		got := trace(t, test.s, []float64{from, to})
		if diff := cmp.Diff(test.want, got.Result, cmpopts.EquateApprox(1e-11, 1e-13)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", solvers.Name(test.s), diff)
		}
	}
}

// TestTrigFlowFormula takes a step with the paper's own letters: the raw network F on a state of angle θ, with the data's
// deviation d. TrigFlow's state is ours times cos(θ)/α.
func TestTrigFlowFormula(t *testing.T) {
	vp := sde.VP{}
	const d, f, x, z, from, to = 0.5, -0.7, 1.3, 0.4, 0.6, 0.3
	p, q := vp.At(from), vp.At(to)
	theta, phi := math.Atan(p.Kappa()/d), math.Atan(q.Kappa()/d)
	clean := func(x float64) float64 { return math.Cos(theta)*(x*math.Cos(theta)/p.Alpha) - math.Sin(theta)*d*f }
	want := (math.Cos(phi)*clean(x) + math.Sin(phi)*d*z) * q.Alpha / math.Cos(phi)
	model := scoremodel.Func(scoremodel.Data, func(dst, x []float64, at float64) error {
		for i := range x {
			dst[i] = clean(x[i])
		}
		return nil
	})
	state := []float64{x}
	problem := solvers.Problem{Schedule: vp, Model: model, Dim: 1, Noise: sde.Replay{Draws: [][]float64{{z}}}}
	if _, err := solvers.Sample(context.Background(), solvers.TrigFlow{}, problem, state, &solvers.Settings{Grid: []float64{from, to}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{want}, state, cmpopts.EquateApprox(1e-14, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDistilledEquivalences proves which of the methods are the same, or another, and by how much near ones differ.
func TestDistilledEquivalences(t *testing.T) {
	for _, test := range []struct {
		a, b   solvers.Solver
		lo, hi float64
	}{
		{solvers.TCD{}, solvers.DDIM{}, 0, 1e-12},
		{solvers.Consistency{KappaMin: 1e-15}, solvers.TrigFlow{}, 0, 1e-11},
		{solvers.Consistency{}, solvers.TrigFlow{}, 1e-4, 1},
		{solvers.LCM{}, solvers.TrigFlow{}, 1e-9, 0.1},
		{solvers.TCD{Gamma: 1}, solvers.TrigFlow{}, 1e-5, 1},
		{solvers.TCD{Gamma: 0.3}, solvers.DDIM{Eta: 0.3}, 1e-2, 1},
	} {
		grid := rough[:len(rough)-1] // at the schedule's first time Consistency draws no noise
		if d := between(t, test.a, test.b, grid); !(d >= test.lo && d <= test.hi) {
			t.Errorf("%s and %s differ by %.2g, want %v to %v", solvers.Name(test.a), solvers.Name(test.b), d, test.lo, test.hi)
		}
	}
}

// TestDistilledDoNotConverge shows why no order is claimed: on normal data, with an exact model, the law of the result stays wrong
// by 4 % of the deviation or more; four times the steps would at least halve an error of order 1/2.
func TestDistilledDoNotConverge(t *testing.T) {
	data := solvers.Normal{Mean: 0.7, Variance: 0.25}
	for _, s := range append(solvers.Catalog(), variants...) {
		switch s.(type) {
		case solvers.LCM, solvers.TCD, solvers.Consistency, solvers.TrigFlow:
		default:
			continue
		}
		if !s.Info().Approximate {
			continue
		}
		l, err := solvertest.Weak(context.Background(), s, sde.VP{}, data, solvers.LambdaGrid{}, []int{128, 512})
		if err != nil {
			t.Fatal(err)
		}
		if !(l.Errors[1] > 0.02 && l.Errors[1] > l.Errors[0]/2) {
			t.Errorf("%s: errors %.2g at %v steps; does it converge?", solvers.Name(s), l.Errors, l.Steps)
		}
	}
}

func TestDistilledBadInput(t *testing.T) {
	p := solvers.Problem{Schedule: sde.VP{}, Model: pairModel{}, Dim: 1, Noise: sde.Fresh{}}
	for _, s := range []solvers.Solver{
		solvers.LCM{Scaling: -1}, solvers.LCM{Scaling: math.Inf(1)}, solvers.LCM{Train: -1},
		solvers.TCD{Gamma: -0.1}, solvers.TCD{Gamma: 1.1}, solvers.TCD{Gamma: math.NaN()},
		solvers.Consistency{Deviation: -1}, solvers.Consistency{KappaMin: math.NaN()},
	} {
		if _, err := s.Start(p, 1); !errors.Is(err, solvers.ErrParameter) {
			t.Errorf("%+v: Start returns %v, want an error of a parameter", s, err)
		}
	}
}
