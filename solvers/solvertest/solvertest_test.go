package solvertest_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// A mutant is a sound solver of which something is replaced: what it says of itself, what
// it sees of the problem, or how it steps.
type mutant struct {
	solvers.Solver
	info    func(i *solvers.Info)
	problem func(p *solvers.Problem)
	model   func(m scoremodel.Model, now *ode.Span) predict // now is the step being taken
	step    func(inner ode.Stepper, p solvers.Problem, n int) step
	inside  func(inner ode.Interpolator) inside
}

type (
	predict func(dst, x []float64, t float64) error
	step    func(dst, src []float64, at ode.Span) error
	inside  func(dst, from, to []float64, theta float64) error
)

// told is a Stepper with an interpolant of its own.
type told struct {
	ode.Stepper
	inside
}

func (s told) Interpolate(dst, from, to []float64, theta float64) error {
	return s.inside(dst, from, to, theta)
}

func (s step) Step(dst, src []float64, at ode.Span) error { return s(dst, src, at) }

// Info hides that the solver is adaptive: what Start returns is no Estimator.
func (m mutant) Info() solvers.Info {
	i := m.Solver.Info()
	i.Adaptive = i.Adaptive && m.model == nil && m.step == nil
	if m.info != nil {
		m.info(&i)
	}
	return i
}

// overstated says that its estimates vanish with a power more than they do.
type overstated struct{ solvers.Solver }

func (s overstated) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	st, err := s.Solver.Start(p, n)
	return &overstatedStepper{st.(ode.Estimator)}, err
}

type overstatedStepper struct{ ode.Estimator }

func (s *overstatedStepper) LocalError(dst []float64) (float64, error) {
	power, err := s.Estimator.LocalError(dst)
	return power + 1, err
}

func (m mutant) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	if m.problem != nil && p.Noise != nil {
		m.problem(&p)
	}
	now := &ode.Span{}
	if m.model != nil {
		p.Model = scoremodel.Func(p.Model.Kind(), m.model(p.Model, now))
	}
	st, err := m.Solver.Start(p, n)
	if err != nil {
		return nil, err
	}
	if m.step != nil {
		st = m.step(st, p, n)
	}
	if m.inside != nil {
		st = told{st, m.inside(st.(ode.Interpolator))}
	}
	if m.model != nil {
		inner := st
		st = step(func(dst, src []float64, at ode.Span) error {
			*now = at
			return inner.Step(dst, src, at)
		})
	}
	return st, nil
}

// StartAdaptive is that of the method that was spoiled.
func (m mutant) StartAdaptive(p solvers.Problem, n int) (ode.Estimator, error) {
	if a, ok := m.Solver.(solvers.Adaptive); ok {
		return a.StartAdaptive(p, n)
	}
	st, err := m.Start(p, n)
	if e, ok := st.(ode.Estimator); ok {
		return e, err
	}
	return nil, solvers.ErrNoEstimate
}

// scaled is noise whose increments over a time dt are multiplied by factor(dt).
type scaled struct {
	sde.Noise
	factor func(dt float64) float64
}

func (s scaled) Path(first, rows, dim int) sde.Brownian {
	return scaledPath{s.Noise.Path(first, rows, dim), s.factor}
}

type scaledPath struct {
	sde.Brownian
	factor func(dt float64) float64
}

func (p scaledPath) Increment(dst []float64, from, to float64) error {
	err := p.Brownian.Increment(dst, from, to)
	vec.Lin(dst, vec.Term{C: p.factor(math.Abs(to - from)), X: dst})
	return err
}

// area is noise whose Lévy areas are multiplied by factor.
type area struct {
	sde.Noise
	factor float64
}

func (a area) Path(first, rows, dim int) sde.Brownian {
	return areaPath{a.Noise.Path(first, rows, dim).(sde.SpaceTime), a.factor}
}

type areaPath struct {
	sde.SpaceTime
	factor float64
}

func (p areaPath) Area(w, h []float64, from, to float64) error {
	err := p.SpaceTime.Area(w, h, from, to)
	vec.Lin(h, vec.Term{C: p.factor, X: h})
	return err
}

func scaleArea(factor float64) func(p *solvers.Problem) {
	return func(p *solvers.Problem) { p.Noise = area{p.Noise, factor} }
}

func scaleNoise(factor func(dt float64) float64) func(p *solvers.Problem) {
	return func(p *solvers.Problem) { p.Noise = scaled{p.Noise, factor} }
}

// reverse is the Euler–Maruyama method on dx = [f x + share g²/σ ε] dt + tau·g dW. The law is
// right if share is (1 + tau²)/2.
type reverse struct{ tau, share float64 }

func (reverse) Info() solvers.Info {
	return solvers.Info{Name: "reverse", About: "reverse SDE of any stochasticity", WeakOrder: 1, NFE: 1, Stochastic: true, Ref: "none"}
}

func (r reverse) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	if p.Noise == nil {
		return nil, solvers.ErrNeedsNoise
	}
	epsilon := scoremodel.As(p.Model, scoremodel.Epsilon, p.Schedule)
	return sde.EulerMaruyama(sde.System{
		Drift: func(dst, x []float64, t float64) error {
			if err := epsilon.Predict(dst, x, t); err != nil {
				return err
			}
			at := p.Schedule.At(t)
			vec.Lin(dst, vec.Term{C: at.F(), X: x}, vec.Term{C: r.share * at.G2() / at.Sigma, X: dst})
			return nil
		},
		Diffusion: func(t float64) float64 { return r.tau * math.Sqrt(p.Schedule.At(t).G2()) },
	}, p.Noise.Path(p.Row, n/p.Dim, p.Dim), n), nil
}

// The solvers that the mutants are made of have no faults, so what is found in a mutant is
// its mutation.
func TestSoundSolvers(t *testing.T) {
	for _, s := range []solvers.Solver{
		ddim, multistep, midpoint, dp5, ancestral, rk4, sra1, mutant{Solver: ddim}, reverse{0.5, (1 + 0.5*0.5) / 2}, reverse{1, 1},
		mutant{Solver: ddim, // every hook, doing nothing
			info:    func(*solvers.Info) {},
			problem: func(*solvers.Problem) {},
			model:   func(m scoremodel.Model, _ *ode.Span) predict { return m.Predict },
			step:    func(inner ode.Stepper, _ solvers.Problem, _ int) step { return inner.Step },
		},
		mutant{Solver: rk4, inside: func(inner ode.Interpolator) inside { return inner.Interpolate }},
	} {
		if diff := cmp.Diff(map[string][]string{}, solvertest.Faults(s)); diff != "" {
			t.Errorf("Faults(%s) (-want +got):\n%s", solvers.Name(s), diff)
		}
	}
}

var (
	ddim      = solvers.DDIM{}
	multistep = solvers.DPMSolverPP2M{}
	midpoint  = solvers.DPMSolver{Order: 2}
	dp5       = solvers.RungeKutta{Tableau: ode.DP5}
	rk4       = solvers.RungeKutta{Tableau: ode.RK4}
	ancestral = solvers.DDPM{}
	sra1      = solvers.StochasticRungeKutta{Tableau: sde.SRA1, Tau: 1}
)

// swapped is SRA1 with the ends of the step exchanged where the diffusion is taken.
func swapped() sde.Tableau {
	tab := sde.SRA1
	tab.Nodes = []float64{1, 0}
	return tab
}

// counter is what mutants share by mistake.
var counter atomic.Int64

// Each mutant must be found, by the check that is there for it. The list is that of every
// check that finds it: some mistakes break several promises.
func TestMutants(t *testing.T) {
	claim := func(s solvers.Solver, change func(i *solvers.Info)) solvers.Solver {
		return mutant{Solver: s, info: change}
	}
	for _, c := range []struct {
		name   string
		mutant solvers.Solver
		want   string // the checks, in alphabetical order
	}{
		// What a solver says of itself.
		{"a name that benchstat misreads", claim(ddim, func(i *solvers.Info) { i.Name = "ddim-8" }), "info"},
		{"no name", claim(ddim, func(i *solvers.Info) { i.Name = "" }), "info"},
		{"no reference", claim(ddim, func(i *solvers.Info) { i.Ref = "" }), "info"},
		{"no description", claim(ddim, func(i *solvers.Info) { i.About = "" }), "info"},
		{"no order", claim(ddim, func(i *solvers.Info) { i.Order = 0 }), "info"},
		{"an order as an ODE method although stochastic", claim(ancestral, func(i *solvers.Info) { i.Order = 1 }), "info ode"},
		{"a weak order although deterministic", claim(ddim, func(i *solvers.Info) { i.WeakOrder = 1 }), "info"},
		{"Info that changes", claim(ddim, func(i *solvers.Info) { i.Memory = int(counter.Add(1)) }), "info"},
		{"claims to be adaptive", claim(ddim, func(i *solvers.Info) { i.Adaptive = true }), "info"},
		{"hides that it is adaptive", claim(dp5, func(i *solvers.Info) { i.Adaptive = false }), "info"},
		{"an estimate that vanishes more slowly than it says", overstated{dp5}, "estimate"},
		{"claims to be stochastic", claim(ddim, func(i *solvers.Info) { i.Stochastic, i.Order, i.WeakOrder = true, 0, 1 }), "info seed"},
		{"hides that it is stochastic", claim(ancestral, func(i *solvers.Info) { i.Stochastic = false }), "info restart retry seed"},
		{"fewer evaluations than it makes", claim(midpoint, func(i *solvers.Info) { i.NFE = 1 }), "nfe"},
		{"more evaluations than it makes", claim(ddim, func(i *solvers.Info) { i.NFE = 2 }), "errors nfe"},
		{"an evaluation at the start that it does not make", claim(ddim, func(i *solvers.Info) { i.StartNFE = 1 }), "errors nfe"},

		// Wrong orders, and mistakes that cost the order.
		{"order 2 of DDIM", claim(ddim, func(i *solvers.Info) { i.Order = 2 }), "ode"},
		{"order 3 with a start of order 1", claim(solvers.ExpAdams{Order: 3, Ramp: true}, func(i *solvers.Info) { i.Order = 3 }), "ode"},
		{"weak order 2 of DDPM", claim(ancestral, func(i *solvers.Info) { i.WeakOrder = 2 }), "weak"},
		{"strong order 1.5 of DDPM", claim(ancestral, func(i *solvers.Info) { i.StrongOrder = 1.5 }), "strong"},
		{"a strong order where the limit is another process", claim(solvers.DDIM{Eta: 0.5}, func(i *solvers.Info) { i.StrongOrder = 1 }), "strong"},
		{"off by one: the model at the end of the step", mutant{Solver: midpoint,
			model: func(m scoremodel.Model, now *ode.Span) predict {
				return func(dst, x []float64, t float64) error { return m.Predict(dst, x, now.To) }
			}}, "ode retry"}, // a retry keeps the first prediction, which was for another end
		{"the sign of the score", mutant{Solver: ddim,
			model: func(m scoremodel.Model, _ *ode.Span) predict {
				return func(dst, x []float64, t float64) error {
					err := m.Predict(dst, x, t)
					vec.Lin(dst, vec.Term{C: -1, X: dst})
					return err
				}
			}}, "ode"},
		// Averaged over x ± δ a prediction changes by δ²/2 of its second derivative, which is
		// zero on normal data. With δ² of the order of the step the method is of order 1, and the
		// Gaussian ladder shows 2: see TestBlindLadders. (A retry keeps a prediction with the old δ.)
		{"an error that normal data hide", mutant{Solver: midpoint,
			info:  func(i *solvers.Info) { i.NFE = 4 },
			model: smoothed}, "ode retry"},

		// Evaluations.
		{"a second evaluation for nothing", mutant{Solver: ddim,
			step: func(inner ode.Stepper, _ solvers.Problem, n int) step {
				lost := make([]float64, n)
				return func(dst, src []float64, at ode.Span) error {
					if err := inner.Step(lost, src, at); err != nil {
						return err
					}
					return inner.Step(dst, src, at)
				}
			}}, "nfe"},
		{"time in single precision", mutant{Solver: ddim,
			model: func(m scoremodel.Model, _ *ode.Span) predict {
				return func(dst, x []float64, t float64) error { return m.Predict(dst, x, float64(float32(t))) }
			}}, "contract"},
		{"time accumulated instead of taken from the grid", mutant{Solver: ddim,
			step: func(inner ode.Stepper, _ solvers.Problem, _ int) step {
				var from, to float64
				return func(dst, src []float64, at ode.Span) error {
					switch {
					case at.Fresh():
						from = at.From
					case !at.Retry:
						from = to
					}
					to = from + float64(float32(at.H()))
					at.From, at.To = from, to
					return inner.Step(dst, src, at)
				}
			}}, "contract"},
		{"an evaluation outside of the step", mutant{Solver: ddim,
			model: func(m scoremodel.Model, now *ode.Span) predict {
				return func(dst, x []float64, t float64) error { return m.Predict(dst, x, math.Nextafter(t, 2)) }
			}}, "contract"},
		{"a prediction in place", mutant{Solver: ddim,
			model: func(m scoremodel.Model, _ *ode.Span) predict {
				return func(dst, x []float64, t float64) error {
					copy(dst, x)
					return m.Predict(dst, dst, t)
				}
			}}, "contract"},
		{"half a batch at a time", mutant{Solver: ddim,
			model: func(m scoremodel.Model, _ *ode.Span) predict {
				return func(dst, x []float64, t float64) error {
					cut := len(x) / 4 * 2
					if cut == 0 {
						return m.Predict(dst, x, t)
					}
					if err := m.Predict(dst[:cut], x[:cut], t); err != nil {
						return err
					}
					return m.Predict(dst[cut:], x[cut:], t)
				}
			}}, "contract nfe"},
		{"errors of the model swallowed", mutant{Solver: ddim,
			model: func(m scoremodel.Model, _ *ode.Span) predict {
				return func(dst, x []float64, t float64) error {
					if m.Predict(dst, x, t) != nil {
						clear(dst)
					}
					return nil
				}
			}}, "errors"},

		// The contract of Step.
		{"an allocation in a step", mutant{Solver: ddim,
			step: func(inner ode.Stepper, _ solvers.Problem, n int) step {
				var kept []float64 // so that it is not on the stack
				return func(dst, src []float64, at ode.Span) error {
					kept = make([]float64, n)
					copy(kept, src)
					return inner.Step(dst, kept, at)
				}
			}}, "allocs"},
		{"src scaled and not scaled back", mutant{Solver: ddim,
			step: func(inner ode.Stepper, p solvers.Problem, _ int) step {
				return func(dst, src []float64, at ode.Span) error {
					err := inner.Step(dst, src, at)
					if &dst[0] != &src[0] {
						vec.Lin(src, vec.Term{C: 1 / p.Schedule.At(at.From).Alpha, X: src})
					}
					return err
				}
			}}, "contract retry"},
		{"dst written before src is read", mutant{Solver: ddim,
			step: func(inner ode.Stepper, p solvers.Problem, _ int) step {
				return func(dst, src []float64, at ode.Span) error {
					vec.Lin(dst, vec.Term{C: p.Schedule.At(at.To).Alpha / p.Schedule.At(at.From).Alpha, X: src})
					return inner.Step(dst, src, at)
				}
			}}, "alias retry"},
		{"the last element left out", mutant{Solver: ddim,
			step: func(inner ode.Stepper, _ solvers.Problem, n int) step {
				all := make([]float64, n)
				return func(dst, src []float64, at ode.Span) error {
					err := inner.Step(all, src, at)
					copy(dst[:n-1], all)
					return err
				}
			}}, "alias contract ode retry split"},
		{"history that survives a restart", mutant{Solver: multistep,
			step: func(inner ode.Stepper, _ solvers.Problem, _ int) step {
				taken := 0
				return func(dst, src []float64, at ode.Span) error {
					at.Index = taken
					taken++
					return inner.Step(dst, src, at)
				}
			}}, "restart"},
		{"a rejected proposal in the history", mutant{Solver: multistep,
			step: func(inner ode.Stepper, _ solvers.Problem, _ int) step {
				return func(dst, src []float64, at ode.Span) error {
					at.Retry = false
					return inner.Step(dst, src, at)
				}
			}}, "retry"},

		// Inside of the steps.
		{"an interpolant that misses the end", mutant{Solver: rk4,
			inside: func(inner ode.Interpolator) inside {
				return func(dst, from, to []float64, theta float64) error {
					return inner.Interpolate(dst, from, to, 0.999*theta)
				}
			}}, "dense"},
		{"an interpolant that leaves a trace", mutant{Solver: rk4,
			inside: func(inner ode.Interpolator) inside {
				return func(dst, from, to []float64, theta float64) error {
					err := inner.Interpolate(dst, from, to, theta)
					to[0] += 1e-12
					return err
				}
			}}, "dense"},

		// Rows and noise.
		{"rows that feel the mean of the batch", mutant{Solver: ddim,
			step: func(inner ode.Stepper, _ solvers.Problem, n int) step {
				return func(dst, src []float64, at ode.Span) error {
					mean := 0.0
					for _, v := range src {
						mean += v / float64(n)
					}
					err := inner.Step(dst, src, at)
					for i := range dst { // of second order in the step, so that the order is kept
						dst[i] += at.H() * at.H() * mean
					}
					return err
				}
			}}, "split"},
		{"a counter that all runs share", mutant{Solver: ddim,
			step: func(inner ode.Stepper, _ solvers.Problem, n int) step {
				return func(dst, src []float64, at ode.Span) error {
					err := inner.Step(dst, src, at)
					dst[0] += 1e-12 * float64(counter.Add(1)%1000)
					return err
				}
			}}, "alias restart retry seed split"},
		{"noise that forgets the number of the row", mutant{Solver: ancestral,
			problem: func(p *solvers.Problem) { p.Row = 0 }}, "split"},
		{"adaptive steps that forget the number of the row", sameRow{sra1}, "adaptive"},
		{"adaptive steps that remember the row before", drifting{sra1}, "adaptive"},
		// Its draws are not the problem's, so a trace finds constants where it looks for coefficients.
		{"noise from a private seed", mutant{Solver: ancestral,
			problem: func(p *solvers.Problem) { p.Noise = sde.Fresh{Seed: 99} }}, "restart seed strong weak"},
		{"noise from a private generator", mutant{Solver: ancestral,
			problem: func(p *solvers.Problem) { p.Noise = private{} }}, "alias restart seed split strong weak"},
		{"h for √h in the noise", mutant{Solver: ancestral,
			problem: scaleNoise(func(dt float64) float64 { return math.Sqrt(dt) })}, "strong weak"},
		{"twice the variance", mutant{Solver: ancestral,
			problem: scaleNoise(func(float64) float64 { return math.Sqrt2 })}, "strong weak"},
		// The law does not mind the sign, the path does.
		{"the sign of the noise", mutant{Solver: ancestral,
			problem: scaleNoise(func(float64) float64 { return -1 })}, "strong"},
		// The law does not mind the Lévy area, except for its size.
		{"no Lévy area", mutant{Solver: sra1, problem: scaleArea(0)}, "strong"},
		{"the sign of the Lévy area", mutant{Solver: sra1, problem: scaleArea(-1)}, "strong"},
		{"three times the Lévy area", mutant{Solver: sra1, problem: scaleArea(3)}, "strong"},
		{"the end's diffusion at the start", solvers.StochasticRungeKutta{Tableau: swapped(), Tau: 1}, "strong"},
		{"(1+eta)/2 for (1+eta²)/2", reverse{0.5, (1 + 0.5) / 2}, "weak"},
		{"the drift of the ODE with the noise of the SDE", reverse{1, 0.5}, "weak"},
	} {
		faults := solvertest.Faults(c.mutant)
		if got := strings.Join(slices.Sorted(maps.Keys(faults)), " "); got != c.want {
			t.Errorf("%s: found by %q, want %q: %q", c.name, got, c.want, faults)
		}
	}
}

// sameRow gives every row the path of the first in adaptive runs.
type sameRow struct{ solvers.StochasticRungeKutta }

func (s sameRow) StartAdaptive(p solvers.Problem, n int) (ode.Estimator, error) {
	p.Row = 0
	return s.StochasticRungeKutta.StartAdaptive(p, n)
}

// drifting changes the noise of adaptive runs from start to start.
type drifting struct{ solvers.StochasticRungeKutta }

func (s drifting) StartAdaptive(p solvers.Problem, n int) (ode.Estimator, error) {
	p.Noise = sde.Tree{Seed: uint64(counter.Add(1)), From: 1, To: 1e-3}
	return s.StochasticRungeKutta.StartAdaptive(p, n)
}

// smoothed predicts the mean over x ± δ, with δ² = σ²·|Δλ| over the step being taken.
func smoothed(m scoremodel.Model, now *ode.Span) predict {
	vp := sde.VP{}
	var shifted, other []float64
	return func(dst, x []float64, t float64) error {
		if len(shifted) < len(x) {
			shifted, other = make([]float64, len(x)), make([]float64, len(x))
		}
		y, z := shifted[:len(x)], other[:len(x)]
		delta := vp.At(t).Sigma * math.Sqrt(sde.H(vp.At(now.From), vp.At(now.To)))
		for i, v := range x {
			y[i] = v + delta
		}
		if err := m.Predict(z, y, t); err != nil {
			return err
		}
		for i, v := range x {
			y[i] = v - delta
		}
		err := m.Predict(dst, y, t)
		vec.Lin(dst, vec.Term{C: 0.5, X: dst}, vec.Term{C: 0.5, X: z})
		return err
	}
}

// private is noise that no seed governs.
type private struct{}

func (private) Path(int, int, int) sde.Brownian { return private{} }

func (private) Increment(dst []float64, from, to float64) error {
	for i := range dst {
		dst[i] = math.Sqrt(math.Abs(to-from)) * rand.NormFloat64()
	}
	return nil
}

// What single ladders cannot see, and which one does. A method may have its order on normal
// data, where the flow is linear, and not elsewhere; and a start of order 1 shows only where the
// score bends from the first step.
func TestBlindLadders(t *testing.T) {
	for _, c := range []struct {
		name   string
		solver solvers.Solver
		flow   solvertest.Flow
		order  float64
	}{
		{"smoothed midpoint", mutant{Solver: midpoint, model: smoothed}, solvertest.GaussianFlow(), 2},
		{"smoothed midpoint", mutant{Solver: midpoint, model: smoothed}, solvertest.MixtureFlow(), 1},
		{"Adams with a start of order 3", solvers.ExpAdams{Order: 3}, solvertest.MixtureFlow(), 3},
		{"Adams with a start of order 3", solvers.ExpAdams{Order: 3}, solvertest.LateFlow(), 3},
		{"Adams with a start of order 1", solvers.ExpAdams{Order: 3, Ramp: true}, solvertest.MixtureFlow(), 3},
		{"Adams with a start of order 1", solvers.ExpAdams{Order: 3, Ramp: true}, solvertest.LateFlow(), 2},
	} {
		l, err := solvertest.ODE(t.Context(), c.solver, c.flow, solvers.LambdaGrid{}, solvertest.Steps())
		if err != nil {
			t.Fatal(err)
		}
		if order, ok := l.Fit(); !ok || !(math.Abs(order-c.order) < 0.15) {
			t.Errorf("%s on %s has order %.2f, %t, want %v: %.2g", c.name, c.flow.Name, order, ok, c.order, l.Errors)
		}
	}
}

// A solver that does not start is at fault in every check, and none panics.
func TestSolverThatDoesNotStart(t *testing.T) {
	for name, s := range map[string]solvers.Solver{
		"bad parameter": solvers.DDIM{Eta: -1}, "no tableau": solvers.RungeKutta{},
	} {
		faults := solvertest.Faults(s)
		for _, check := range []string{"info", "nfe", "allocs", "contract", "alias", "restart", "split", "seed"} {
			if len(faults[check]) == 0 {
				t.Errorf("%s: the check %s finds nothing", name, check)
			}
		}
	}
}
