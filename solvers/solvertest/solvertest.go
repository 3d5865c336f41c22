package solvertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// Run applies every check to s as a subtest. Solvers that are not linear, such as those that
// clip, cannot be traced and so must not claim a weak or strong order.
func Run(t *testing.T, s solvers.Solver) {
	for _, c := range checks(s) {
		t.Run(c.name, func(t *testing.T) {
			for _, fault := range c.run() {
				t.Error(fault)
			}
		})
	}
}

// Faults returns what every check finds wrong with s, by the name of the check. A solver without faults has none.
func Faults(s solvers.Solver) map[string][]string {
	found := map[string][]string{}
	for _, c := range checks(s) {
		if faults := c.run(); len(faults) > 0 {
			found[c.name] = faults
		}
	}
	return found
}

// A check returns what is wrong.
type check struct {
	name string
	run  func() []string
}

// checks returns the checks of s. None repeats what another finds.
func checks(s solvers.Solver) []check {
	var list []check
	for _, c := range []struct {
		name string
		run  func(solvers.Solver) []string
	}{
		{"info", checkInfo},
		{"nfe", checkNFE},
		{"allocs", checkAllocs},
		{"contract", checkContract},
		{"alias", checkAlias},
		{"restart", checkRestart},
		{"retry", checkRetry},
		{"dense", checkDense},
		{"split", checkSplit},
		{"adaptive", checkAdaptive},
		{"seed", checkSeed},
		{"errors", checkErrors},
		{"ode", checkODE},
		{"estimate", checkEstimate},
	} {
		list = append(list, check{c.name, func() []string { return c.run(s) }})
	}
	// Weak and strong errors are read off the same coefficient tables.
	measured := sync.OnceValues(func() ([]Ladder, error) {
		return traced(context.Background(), s, sde.VP{}, solvers.LambdaGrid{}, Steps(), weakError(gaussianData), strongError(gaussianData))
	})
	for i, order := range []struct {
		name    string
		claimed float64
	}{{"weak", s.Info().WeakOrder}, {"strong", s.Info().StrongOrder}} {
		list = append(list, check{order.name, func() []string {
			if order.claimed == 0 {
				return nil
			}
			l, err := measured()
			if err != nil {
				return []string{err.Error()}
			}
			if !l[i].Certifies(order.claimed) {
				return []string{l[i].describe(order.name, order.claimed)}
			}
			return nil
		}})
	}
	return list
}

const rows, dim = 23, 2

// planar is a problem with correlated coordinates, a nonlinear score and more rows than
// workers.
func planar() solvers.Problem {
	s := sde.VP{}
	m, err := scoremodel.NewMixture(s,
		scoremodel.Component{Weight: 0.5, Mean: []float64{-1, 0.5}, Variances: []float64{0.2, 0.1}},
		scoremodel.Component{Weight: 0.5, Mean: []float64{1, 0}, Variance: 0.15})
	if err != nil {
		panic(err) // the data are constants
	}
	return solvers.Problem{Schedule: s, Model: m, Dim: dim, Noise: sde.Fresh{Seed: 7}}
}

func state() []float64 { return solvers.Prior(sde.VP{}, 1, rows, dim) }

// grid is not uniform in any variable, so that no coincidence of steps hides a fault.
func grid() []float64 { return []float64{1, 0.93, 0.8, 0.72, 0.55, 0.41, 0.37, 0.2, 0.09, 0.03, 0.001} }

var nameRE = regexp.MustCompile(`^[a-z][a-z0-9+]*$`)

func checkInfo(s solvers.Solver) (faults []string) {
	i := s.Info()
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !nameRE.MatchString(i.Name) {
		add("the name %q does not match %v", i.Name, nameRE)
	}
	if i != s.Info() {
		add("Info changes from call to call")
	}
	if i.About == "" || i.Ref == "" {
		add("About or Ref is empty")
	}
	if i.NFE < 1 || i.StartNFE < 0 || i.Memory < 0 {
		add("NFE %d, StartNFE %d, Memory %d: want at least 1, 0, 0", i.NFE, i.StartNFE, i.Memory)
	}
	if i.StartSteps < 0 || i.StartNFE%max(i.StartSteps, 1) != 0 {
		add("%d starting evaluations do not spread evenly over %d steps", i.StartNFE, i.StartSteps)
	}
	if ordered := i.Order != 0 || i.WeakOrder != 0 || i.StrongOrder != 0; ordered == i.Approximate {
		add("Approximate is %t with order %d, weak order %v, strong order %v", i.Approximate, i.Order, i.WeakOrder, i.StrongOrder)
	}
	if i.Stochastic && i.Order != 0 || !i.Stochastic && (i.WeakOrder != 0 || i.StrongOrder != 0) {
		add("Stochastic is %t with order %d, weak order %v, strong order %v", i.Stochastic, i.Order, i.WeakOrder, i.StrongOrder)
	}
	p := planar()
	st, err := s.Start(p, rows*dim)
	if err != nil {
		add("Start fails: %v", err)
		return faults
	}
	_, adaptive := st.(ode.Estimator)
	if a, ok := s.(solvers.Adaptive); ok {
		remembering := p
		remembering.Noise = tree()
		_, err := a.StartAdaptive(remembering, rows*dim)
		adaptive = err == nil
	}
	if adaptive != i.Adaptive {
		add("Adaptive is %t and that its steps can be adapted is %t", i.Adaptive, adaptive)
	}
	p.Noise = nil
	if _, err := s.Start(p, rows*dim); errors.Is(err, solvers.ErrNeedsNoise) != i.Stochastic {
		add("Stochastic is %t and Start without noise returns %v", i.Stochastic, err)
	}
	return faults
}

func checkNFE(s solvers.Solver) (faults []string) {
	for _, n := range []int{1, 2, 3, 12} {
		times, err := solvers.LambdaGrid{}.Times(sde.VP{}, n)
		if err != nil {
			return []string{err.Error()}
		}
		res, err := solvers.Sample(context.Background(), s, planar(), state(), &solvers.Settings{Grid: times})
		if err != nil {
			faults = append(faults, err.Error())
		} else if want := s.Info().Evaluations(n); res.NFE != want {
			faults = append(faults, fmt.Sprintf("%d steps take %d evaluations, want %d", n, res.NFE, want))
		}
	}
	return faults
}

// linear is a model without workspace, for counting allocations.
func linear() scoremodel.Model {
	return scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error {
		for i, v := range x {
			dst[i] = 0.5 * v
		}
		return nil
	})
}

func checkAllocs(s solvers.Solver) []string {
	p := planar()
	p.Model = linear()
	st, err := s.Start(p, rows*dim)
	if err != nil {
		return []string{err.Error()}
	}
	x := state()
	at := ode.Span{From: 1}
	var failed error
	n := testing.AllocsPerRun(50, func() {
		at.To = at.From - 0.01
		if err := st.Step(x, x, at); err != nil && failed == nil {
			failed = err
		}
		at.From = at.To
		at.Index++
	})
	if failed != nil {
		return []string{failed.Error()}
	}
	if n != 0 {
		return []string{fmt.Sprintf("a step allocates %v times", n)}
	}
	return nil
}

// checkContract runs the solver on a model that spoils dst before it predicts, so that
// nothing stale is read, and that looks at what it is given.
func checkContract(s solvers.Solver) (faults []string) {
	add := func(format string, args ...any) {
		if len(faults) < 5 {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	p := planar()
	exact := p.Model
	var at ode.Span
	p.Model = scoremodel.Func(exact.Kind(), func(dst, x []float64, t float64) error {
		if len(x) != rows*dim || len(dst) != rows*dim {
			add("the model is given %d elements and %d for the prediction, want %d", len(x), len(dst), rows*dim)
		}
		if &x[0] == &dst[0] {
			add("the model is asked to predict in place")
		}
		if !(t <= at.From && t >= at.To) && !s.Info().Outside {
			add("step %d from %v to %v evaluates the model at %v", at.Index, at.From, at.To, t)
		}
		for i := range dst {
			dst[i] = math.NaN()
		}
		return exact.Predict(dst, x, t)
	})
	st, err := s.Start(p, rows*dim)
	if err != nil {
		return []string{err.Error()}
	}
	x := state()
	for at = range ode.Spans(grid()) {
		src, dst := slices.Clone(x), make([]float64, len(x))
		for i := range dst {
			dst[i] = math.NaN()
		}
		if err := st.Step(dst, x, at); err != nil {
			return append(faults, err.Error())
		}
		if !slices.Equal(src, x) {
			add("step %d modifies src", at.Index)
		}
		for _, v := range dst {
			if math.IsNaN(v) {
				add("step %d leaves part of dst unwritten, or reads what nobody wrote", at.Index)
				break
			}
		}
		x = dst
	}
	return faults
}

// walk takes the steps of a grid out of place.
func walk(st ode.Stepper, x, times []float64) ([]float64, error) {
	for at := range ode.Spans(times) {
		dst := make([]float64, len(x))
		if err := st.Step(dst, x, at); err != nil {
			return x, err
		}
		x = dst
	}
	return x, nil
}

func begin(s solvers.Solver) (ode.Stepper, []float64, error) {
	st, err := s.Start(planar(), rows*dim)
	return st, state(), err
}

func checkAlias(s solvers.Solver) []string {
	st, x, err := begin(s)
	if err != nil {
		return []string{err.Error()}
	}
	want, err := walk(st, x, grid())
	if err != nil {
		return []string{err.Error()}
	}
	if st, x, err = begin(s); err != nil {
		return []string{err.Error()}
	}
	for at := range ode.Spans(grid()) {
		if err := st.Step(x, x, at); err != nil {
			return []string{err.Error()}
		}
	}
	if !slices.Equal(x, want) {
		return []string{"steps in place and out of place differ"}
	}
	return nil
}

// checkRestart runs a trajectory, then a second one on the same stepper. The noise goes
// on, so for a stochastic solver the second run is compared with one whose noise is as far along.
func checkRestart(s solvers.Solver) []string {
	run := func(first []float64) ([]float64, error) {
		p := planar()
		if s.Info().Stochastic {
			p.Noise = repeating{}
		}
		st, err := s.Start(p, rows*dim)
		if err != nil {
			return nil, err
		}
		if first != nil {
			if _, err := walk(st, solvers.Prior(sde.VP{}, 2, rows, dim), first); err != nil {
				return nil, err
			}
		}
		return walk(st, state(), grid())
	}
	want, err := run(nil)
	if err != nil {
		return []string{err.Error()}
	}
	got, err := run(grid()[:4])
	if err != nil {
		return []string{err.Error()}
	}
	if !slices.Equal(got, want) {
		return []string{"a fresh Span does not forget the trajectory before it"}
	}
	return nil
}

// repeating is noise whose draw over an interval depends on the interval alone.
type repeating struct{}

func (repeating) Path(int, int, int) sde.Brownian { return repeating{} }

func (repeating) Increment(dst []float64, from, to float64) error {
	for i := range dst {
		dst[i] = math.Sqrt(math.Abs(to-from)) * math.Sin(float64(i)+100*from+37*to)
	}
	return nil
}

func (r repeating) Area(w, h []float64, from, to float64) error {
	for i := range h {
		h[i] = math.Sqrt(math.Abs(to-from)/12) * math.Cos(float64(i)+100*from+37*to)
	}
	return r.Increment(w, from, to)
}

func checkRetry(s solvers.Solver) []string {
	if s.Info().Stochastic {
		return nil // adaptive steps with fresh noise are refused
	}
	st, x, err := begin(s)
	if err != nil {
		return []string{err.Error()}
	}
	want, err := walk(st, x, grid())
	if err != nil {
		return []string{err.Error()}
	}
	if st, x, err = begin(s); err != nil {
		return []string{err.Error()}
	}
	lost := make([]float64, len(x))
	for at := range ode.Spans(grid()) {
		far := at
		far.To = at.To / 2
		for range 2 { // two rejected proposals
			if err := st.Step(lost, x, far); err != nil {
				return []string{err.Error()}
			}
			if e, ok := st.(ode.Estimator); ok {
				if _, err := e.LocalError(lost); err != nil {
					return []string{err.Error()}
				}
			}
			far.To = at.To + 0.1*at.H()
			if far.To < grid()[len(grid())-1] {
				far.To = at.To
			}
			far.Retry, at.Retry = true, true
		}
		if err := st.Step(x, x, at); err != nil {
			return []string{err.Error()}
		}
	}
	if !slices.Equal(x, want) {
		return []string{"a rejected proposal changes the result"}
	}
	return nil
}

// checkDense is of solvers that can tell the state inside of a step: it is that of the ends there, and what is told changes no step.
func checkDense(s solvers.Solver) (faults []string) {
	st, x, err := begin(s)
	if err != nil {
		return []string{err.Error()}
	}
	if _, ok := st.(ode.Interpolator); !ok {
		return nil
	}
	want, err := walk(st, x, grid())
	if err != nil {
		return []string{err.Error()}
	}
	if st, x, err = begin(s); err != nil {
		return []string{err.Error()}
	}
	from, y := make([]float64, len(x)), make([]float64, len(x))
	for at := range ode.Spans(grid()) {
		copy(from, x)
		if err := st.Step(x, x, at); err != nil {
			return []string{err.Error()}
		}
		for theta, end := range map[float64][]float64{0: from, 0.5: nil, 1: x} {
			if err := st.(ode.Interpolator).Interpolate(y, from, x, theta); err != nil {
				return []string{err.Error()}
			}
			if end != nil && !slices.Equal(y, end) {
				faults = append(faults, fmt.Sprintf("step %d: the interpolant at %v is not the state there", at.Index, theta))
			}
		}
	}
	if !slices.Equal(x, want) {
		faults = append(faults, "interpolation changes the result")
	}
	return faults
}

func checkSplit(s solvers.Solver) (faults []string) {
	var want []float64
	for _, workers := range []int{1, 2, 7} {
		x := state()
		if _, err := solvers.Sample(context.Background(), s, planar(), x, &solvers.Settings{Grid: grid(), Workers: workers}); err != nil {
			return []string{err.Error()}
		}
		if want == nil {
			want = x
		} else if !slices.Equal(x, want) {
			faults = append(faults, fmt.Sprintf("the result depends on the number of workers: 1 and %d differ", workers))
		}
	}
	x := state()
	for _, part := range [][2]int{{0, 5}, {5, 6}, {6, rows}} {
		p := planar()
		p.Row = part[0]
		if _, err := solvers.Sample(context.Background(), s, p, x[part[0]*dim:part[1]*dim], &solvers.Settings{Grid: grid()}); err != nil {
			return []string{err.Error()}
		}
	}
	if !slices.Equal(x, want) {
		faults = append(faults, "the result depends on how the batch is cut")
	}
	return faults
}

// tree is noise for adaptive steps over the times of grid.
func tree() sde.Noise { return sde.Tree{Seed: 7, From: 1, To: 1e-3} }

// checkAdaptive lets the solver choose its steps, which must not depend on the neighbours of a row, but on its noise.
func checkAdaptive(s solvers.Solver) (faults []string) {
	if !s.Info().Adaptive {
		return nil
	}
	set := solvers.Settings{Grid: []float64{1, 1e-3}, Control: &ode.Control{Rel: 0.03, Abs: 0.03}}
	var want []float64
	var most solvers.Result
	for _, workers := range []int{1, 2, 7} {
		p, x := planar(), state()
		p.Noise = tree()
		set.Workers = workers
		res, err := solvers.Sample(context.Background(), s, p, x, &set)
		if errors.Is(err, solvers.ErrNoEstimate) {
			return nil // checkInfo finds it
		}
		if err != nil {
			return append(faults, err.Error())
		}
		res.Elapsed, res.Warnings = 0, nil
		if want == nil {
			want, most = x, res
		} else if !slices.Equal(x, want) || res.NFE != most.NFE {
			faults = append(faults, fmt.Sprintf("with adaptive steps the result depends on the number of workers: 1 and %d differ", workers))
		}
	}
	set.Workers = 1
	x := state()
	for _, part := range [][2]int{{0, 5}, {5, 6}, {6, rows}} {
		p := planar()
		p.Noise, p.Row = tree(), part[0]
		if _, err := solvers.Sample(context.Background(), s, p, x[part[0]*dim:part[1]*dim], &set); err != nil {
			return append(faults, err.Error())
		}
	}
	if !slices.Equal(x, want) {
		faults = append(faults, "with adaptive steps the result depends on how the batch is cut")
	}
	p := planar()
	p.Noise = tree()
	x = slices.Repeat([]float64{0.5, -0.5}, 2)
	if _, err := solvers.Sample(context.Background(), s, p, x, &set); err != nil {
		return append(faults, err.Error())
	}
	if same := x[0] == x[2]; same == s.Info().Stochastic {
		faults = append(faults, fmt.Sprintf("Stochastic is %t and that two equal rows end alike with adaptive steps is %t", s.Info().Stochastic, same))
	}
	return faults
}

func checkSeed(s solvers.Solver) (faults []string) {
	sample := func(seed uint64) ([]float64, error) {
		p, x := planar(), state()
		p.Noise = sde.Fresh{Seed: seed}
		_, err := solvers.Sample(context.Background(), s, p, x, &solvers.Settings{Grid: grid()})
		return x, err
	}
	var results [3][]float64
	for i, seed := range []uint64{7, 7, 8} {
		var err error
		if results[i], err = sample(seed); err != nil {
			return []string{err.Error()}
		}
	}
	if !slices.Equal(results[0], results[1]) {
		faults = append(faults, "the same seed gives different samples")
	}
	if differ := !slices.Equal(results[0], results[2]); differ != s.Info().Stochastic {
		faults = append(faults, fmt.Sprintf("Stochastic is %t and that samples differ by seed is %t", s.Info().Stochastic, differ))
	}
	return faults
}

// checkErrors lets the model fail at every evaluation in turn.
func checkErrors(s solvers.Solver) (faults []string) {
	boom := errors.New("boom")
	for fail := range s.Info().Evaluations(len(grid()) - 1) {
		p := planar()
		exact, calls := p.Model, 0
		p.Model = scoremodel.Func(exact.Kind(), func(dst, x []float64, t float64) error {
			if calls++; calls > fail {
				return boom
			}
			return exact.Predict(dst, x, t)
		})
		x := state()
		_, err := solvers.Sample(context.Background(), s, p, x, &solvers.Settings{Grid: grid()})
		if !errors.Is(err, boom) {
			faults = append(faults, fmt.Sprintf("the model fails at evaluation %d and the run returns %v", fail, err))
		}
	}
	return faults
}

func checkODE(s solvers.Solver) (faults []string) {
	order := s.Info().Order
	if order == 0 {
		return nil
	}
	flows := []Flow{GaussianFlow(), MixtureFlow(), LateFlow()}
	ladders, errs := make([]Ladder, len(flows)), make([]error, len(flows))
	var group sync.WaitGroup
	for i, f := range flows {
		group.Go(func() { ladders[i], errs[i] = ODE(context.Background(), s, f, solvers.LambdaGrid{}, Steps()) })
	}
	group.Wait()
	for i, l := range ladders {
		if errs[i] != nil {
			faults = append(faults, errs[i].Error())
		} else if !l.Certifies(float64(order)) {
			faults = append(faults, l.describe(flows[i].Name, float64(order)))
		}
	}
	return faults
}
