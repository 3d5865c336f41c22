package solvers_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// adaptiveSDE are the solvers of the reverse SDE whose steps can be adapted.
var adaptiveSDE = []solvers.Solver{
	solvers.StochasticRungeKutta{Tableau: sde.StochasticHeun, Tau: 1},
	solvers.StochasticRungeKutta{Tableau: sde.SRA1, Tau: 1},
	solvers.StochasticRungeKutta{Tableau: sde.SRA2, Tau: 1},
	solvers.StochasticRungeKutta{Tableau: sde.SRA3, Tau: 1},
	solvers.StochasticRungeKutta{Tableau: sde.ShARK, Tau: 1},
}

// What would give a wrong law is refused before the model is called, with an error that says what to do.
func TestAdaptiveSDERefuses(t *testing.T) {
	sra1, tree := adaptiveSDE[1], sde.Tree{From: 1, To: 1e-3}
	for _, test := range []struct {
		name    string
		solver  solvers.Solver
		noise   sde.Noise
		control ode.Control
		want    []error
		text    string
	}{
		{"fresh noise", sra1, sde.Fresh{}, ode.Control{}, []error{solvers.ErrParameter, sde.ErrForgets}, "Tree"},
		{"recorded noise", sra1, sde.Replay{}, ode.Control{}, []error{solvers.ErrParameter, sde.ErrForgets}, "Tree"},
		{"a path on a grid", sra1, sde.GridPath{Grid: []float64{1, 0.5, 1e-3}}, ode.Control{}, []error{solvers.ErrParameter, sde.ErrForgets}, "Tree"},
		{"no noise", sra1, nil, ode.Control{}, []error{solvers.ErrNeedsNoise}, "noise"},
		{"a tree of nothing", sra1, sde.Tree{}, ode.Control{}, []error{solvers.ErrProblem, sde.ErrTree}, "interval"},
		{"a tree that ends early", sra1, sde.Tree{From: 1, To: 0.01}, ode.Control{}, []error{solvers.ErrParameter, sde.ErrOutside}, "0.001"},
		{"Euler-Maruyama", solvers.EulerMaruyama{}, tree, ode.Control{}, []error{solvers.ErrNoEstimate}, "sra1"},
		{"ancestral sampling", solvers.DDPM{}, tree, ode.Control{}, []error{solvers.ErrNoEstimate}, "sra1"},
		{"SEA", solvers.StochasticRungeKutta{Tableau: sde.SEA, Tau: 1}, tree, ode.Control{}, []error{solvers.ErrParameter, sde.ErrNotAdaptive}, "sea"},
		{"the midpoint rule", solvers.StochasticRungeKutta{Tableau: sde.StochasticMidpoint, Tau: 1}, tree, ode.Control{},
			[]error{solvers.ErrParameter, sde.ErrNotAdaptive}, "weak order"},
		{"a first step below four leaves", sra1, tree, ode.Control{First: 1e-9}, []error{ode.ErrControl}, "Min"},
		{"tau of 2", solvers.StochasticRungeKutta{Tableau: sde.SRA1, Tau: -2}, tree, ode.Control{}, []error{solvers.ErrParameter}, "tau"},
	} {
		p, counter := plane(t)
		p.Noise = test.noise
		x := solvers.Prior(p.Schedule, 1, 2, 2)
		before := slices.Clone(x)
		_, err := solvers.Sample(context.Background(), test.solver, p, x, &solvers.Settings{Control: &test.control})
		for _, want := range test.want {
			if !errors.Is(err, want) {
				t.Errorf("%s: Sample returns %v, want %v", test.name, err, want)
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.text) || counter.NFE() > 0 || !slices.Equal(x, before) {
			t.Errorf("%s: Sample returns %v after %d calls of the model, want one with %q and none", test.name, err, counter.NFE(), test.text)
		}
	}
}

// rerolled is a tree that grows anew whenever a step is tried again from where one was tried before: the mistake of drawing fresh
// noise after a rejection.
type rerolled struct{ sde.Tree }

func (r rerolled) Path(first, rows, dim int) sde.Brownian {
	grow := func(seed uint64) sde.Lasting {
		r.Seed = seed
		return r.Tree.Path(first, rows, dim).(sde.Lasting)
	}
	return &rerolledPath{Lasting: grow(r.Seed), seed: r.Seed, grow: grow}
}

type rerolledPath struct {
	sde.Lasting
	seed  uint64
	grow  func(seed uint64) sde.Lasting
	calls int
	from  float64 // of the latest whole step; two half steps follow it
}

func (p *rerolledPath) Increment(dst []float64, from, to float64) error {
	p.notice(from)
	return p.Lasting.Increment(dst, from, to)
}

func (p *rerolledPath) Area(w, h []float64, from, to float64) error {
	p.notice(from)
	return p.Lasting.Area(w, h, from, to)
}

func (p *rerolledPath) notice(from float64) {
	if p.calls%3 == 0 {
		if from == p.from {
			p.seed++
			p.Lasting = p.grow(p.seed)
		}
		p.from = from
	}
	p.calls++
}

// The distance to a fine run on the same path falls with the tolerance, about as its power 2p/(2p+1): n steps of length 1/n have
// errors of n^-(p+1/2) each, the tolerance, which add up in the square. So it does only if a step that was rejected finds its path again.
//
// A rough path turns a difference of 1e-16 between the times of two steps into 1e-8 between their increments, and after a few
// steps the runs are others: the power varies by 0.2 from seed to seed, and from one rounding to another.
func TestAdaptiveSDEFollowsThePath(t *testing.T) {
	const rows = 40
	p, _ := plane(t)
	tree := sde.Tree{Seed: 3, From: 1, To: 1e-3}
	start := solvers.Prior(p.Schedule, 1, rows, 2)
	distance := func(s solvers.Solver, noise sde.Noise, tol float64, want []float64) (float64, solvers.Result) {
		p := p
		p.Noise = noise
		x, res := sample(t, s, p, start, &solvers.Settings{Control: &ode.Control{Rel: tol, Abs: tol, MaxFactor: 3}})
		sum := 0.0
		for i := range x {
			sum += (x[i] - want[i]) * (x[i] - want[i])
		}
		return math.Sqrt(sum / float64(len(x))), res
	}
	p.Noise = tree
	fine, _ := sample(t, adaptiveSDE[1], p, start, &solvers.Settings{Steps: 1000})
	for _, s := range adaptiveSDE {
		coarse, _ := distance(s, tree, 0.1, fine)
		near, res := distance(s, tree, 1e-3, fine)
		order := s.Info().StrongOrder
		if slope, want := math.Log10(coarse/near)/2, 2*order/(2*order+1); !(slope > want-0.3) || !(near < 0.02) {
			t.Errorf("%s: the distance to a fine run falls from %.2g to %.2g, as the power %.2f of the tolerance, want about %.2f",
				s.Info().Name, coarse, near, slope, want)
		}
		if res.Rejected == 0 {
			t.Errorf("%s: no step was rejected, so nothing was revisited", s.Info().Name)
		}
		if lost, _ := distance(s, rerolled{tree}, 1e-3, fine); !(lost > 10*near) {
			t.Errorf("%s: with fresh noise after rejections the distance is %.2g, want more than %.2g", s.Info().Name, lost, 10*near)
		}
	}
}

// Samples of adaptive runs have the law of the reverse SDE: on normal data its closed form, within five standard errors of 4000
// independent numbers, with more than a tenth of the steps rejected.
func TestAdaptiveSDELaw(t *testing.T) {
	const rows, dim, n = 400, 10, 4000.
	vp, mean := sde.VP{}, slices.Repeat([]float64{1}, dim)
	model, err := scoremodel.NewGaussian(vp, scoremodel.Component{Mean: mean, Variance: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	from, to := vp.At(1), vp.At(1e-3)
	variance := func(at sde.Point) float64 { return at.Alpha*at.Alpha*0.25 + at.Sigma*at.Sigma }
	start := solvers.Prior(vp, 1, rows, dim)
	for i, z := range start {
		start[i] = from.Alpha + math.Sqrt(variance(from))*z
	}
	p := solvers.Problem{Schedule: vp, Model: model, Dim: dim, Noise: sde.Tree{Seed: 11, From: 1, To: 1e-3, Leaf: 1e-5}}
	x, res := sample(t, solvers.StochasticRungeKutta{Tableau: sde.SRA1, Tau: 1}, p, start,
		&solvers.Settings{Control: &ode.Control{Rel: 3e-3, Abs: 3e-3, MaxFactor: 5, Safety: 0.97}})
	m, v := stat.MeanVariance(x, nil)
	wantV := variance(to)
	if se := math.Sqrt(wantV / n); !(math.Abs(m-to.Alpha) < 5*se) {
		t.Errorf("mean %.4f, want %.4f within %.4f", m, to.Alpha, 5*se)
	}
	if se := wantV * math.Sqrt(2/n); !(math.Abs(v-wantV) < 5*se) {
		t.Errorf("variance %.4f, want %.4f within %.4f", v, wantV, 5*se)
	}
	if res.Rejected*10 < res.Steps {
		t.Errorf("%d of %d steps were rejected, too few for the test to mean anything", res.Rejected, res.Steps)
	}
}

// A tolerance that the tree cannot resolve ends with an error that names the row, and not with a wrong law.
func TestAdaptiveSDEBelowLeaf(t *testing.T) {
	p, _ := plane(t)
	p.Noise = sde.Tree{From: 1, To: 1e-3, Leaf: 1e-3}
	x := solvers.Prior(p.Schedule, 1, 3, 2)
	res, err := solvers.Sample(context.Background(), adaptiveSDE[1], p, x, &solvers.Settings{Control: &ode.Control{Rel: 1e-6, Abs: 1e-6}})
	var where *solvers.RunError
	if !errors.Is(err, ode.ErrStepTooSmall) || !errors.Is(err, sde.ErrLeaf) || !errors.As(err, &where) || where.Row != 0 || res.Status != ode.StepTooSmall {
		t.Errorf("Sample returns %v with %+v, want ErrStepTooSmall and ErrLeaf of row 0", err, res)
	}
	// A bound of the user's own, above the tree's, is not the tree's fault.
	_, err = solvers.Sample(context.Background(), adaptiveSDE[1], p, x, &solvers.Settings{Control: &ode.Control{Rel: 1e-6, Abs: 1e-6, Min: 0.02}})
	if !errors.Is(err, ode.ErrStepTooSmall) || errors.Is(err, sde.ErrLeaf) {
		t.Errorf("Sample with Min returns %v, want ErrStepTooSmall and not ErrLeaf", err)
	}
}

// Without noise the doubled method remains, for the probability flow.
func TestAdaptiveSDEWithoutNoise(t *testing.T) {
	p, _ := plane(t)
	start := solvers.Prior(p.Schedule, 1, 3, 2)
	want, _ := sample(t, solvers.RungeKutta{Tableau: ode.DP5}, p, start, &solvers.Settings{Control: &ode.Control{Rel: 1e-9, Abs: 1e-9}})
	p.Noise = nil
	for _, s := range adaptiveSDE {
		s := s.(solvers.StochasticRungeKutta)
		s.Tau = 0
		got, _ := sample(t, s, p, start, &solvers.Settings{Control: &ode.Control{Rel: 1e-6, Abs: 1e-6}})
		for i := range got {
			if !(math.Abs(got[i]-want[i]) < 1e-4) {
				t.Errorf("%s with tau 0: element %d is %v, want %v", s.Info().Name, i, got[i], want[i])
			}
		}
		if !s.Info().Adaptive || s.Info().Stochastic {
			t.Errorf("%s with tau 0: %+v, want it adaptive and not stochastic", s.Info().Name, s.Info())
		}
	}
}

// Solvers that return to the same times need noise that forgets; a path that remembers would take the old noise off again. The others
// see one path at any number of steps.
func TestNoiseThatRemembers(t *testing.T) {
	grid := times(t, solvers.QuadraticGrid{}, 6)
	for _, noise := range []sde.Noise{sde.Tree{From: 1, To: 1e-3}, &sde.Tree{From: 1, To: 1e-3}, sde.GridPath{Grid: grid}} {
		for _, s := range []solvers.Solver{
			solvers.Restart{Inner: solvers.DDIM{}},
			solvers.PredictorCorrector{},
			solvers.RePaint{Of: solvers.DDIM{}, Mask: []bool{true, false}, Known: []float64{1, 0}},
		} {
			p, _ := plane(t)
			p.Noise = noise
			if _, err := s.Start(p, 2); !errors.Is(err, solvers.ErrParameter) || !strings.Contains(err.Error(), "Fresh") {
				t.Errorf("%s on %T: Start returns %v, want ErrParameter", solvers.Name(s), noise, err)
			}
		}
		p, _ := plane(t)
		p.Noise = noise
		sample(t, solvers.DDPM{}, p, []float64{1, 2}, &solvers.Settings{Grid: grid})
		sample(t, adaptiveSDE[1], p, []float64{1, 2}, &solvers.Settings{Grid: grid})
	}
}

// A budget of evaluations is kept to the last one.
func TestAdaptiveSDEBudget(t *testing.T) {
	for _, s := range adaptiveSDE {
		for _, most := range []int{3, 20, 61} {
			p, counter := plane(t)
			p.Noise = sde.Tree{From: 1, To: 1e-3}
			res, err := solvers.Sample(context.Background(), s, p, []float64{0.5, 1}, &solvers.Settings{Control: &ode.Control{Rel: 1e-3, Abs: 1e-3, MaxNFE: most}})
			if !errors.Is(err, ode.ErrTooManyEvaluations) || counter.NFE() > most || counter.NFE() <= most-9 || res.NFE != counter.NFE() {
				t.Errorf("%s with a budget of %d: %d evaluations, NFE %d, %v", s.Info().Name, most, counter.NFE(), res.NFE, err)
			}
		}
	}
}
