package scheduler

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/diffsolve/diffsolve/solvers"
)

// few is the number of steps below which lower_order_final has an effect in the classes of DPM-Solver and DEIS.
const few = 15

// lambdaLevels returns the levels of the classes that step in λ, the end included if last gives it, their timesteps and the table.
func (r *Run) lambdaLevels() (sigmas, timesteps []float64, t *table, err error) {
	c := r.config
	if t, err = newTable(c, smallestAlphaBar); err != nil {
		return nil, nil, nil, err
	}
	// The timesteps whose λ is clipped, from the noise end.
	top := t.steps()
	if c.has("lambda_min_clipped") {
		for top > 0 && -t.logSigmas[top-1] < c.number("lambda_min_clipped") {
			top--
		}
		if top < 2 {
			return nil, nil, nil, fmt.Errorf("%w: lambda_min_clipped %v leaves %d timesteps", solvers.ErrParameter, c.number("lambda_min_clipped"), top)
		}
	}
	timesteps = c.spacedWithEnd(r.steps, top)
	if low := slices.Min(timesteps); low < 0 {
		return nil, nil, nil, fmt.Errorf("%w: the spacing ends with timestep %v", ErrBroken, low)
	}
	first, last := t.sigmas[t.steps()-1], t.sigmas[0]
	smooth := c.text("beta_schedule") == "squaredcos_cap_v2" && c.Class == "DPMSolverMultistepScheduler"
	grid := c.grid(first, last, r.steps)
	switch {
	case c.flag("use_lu_lambdas"):
		grid = exponential(first, last, r.steps)
		fallthrough
	case c.flag("use_karras_sigmas"):
		if c.flag("use_karras_sigmas") {
			grid = c.grid(first, last, r.steps)
		}
		timesteps = mapped(grid, t.timestep)
		if !smooth {
			timesteps = mapped(timesteps, math.RoundToEven)
		}
		fallthrough
	case grid != nil:
		if !c.flag("use_karras_sigmas") && !c.flag("use_lu_lambdas") {
			timesteps = mapped(grid, t.timestep)
		}
		timesteps = mapped(timesteps, math.Trunc)
		r.Warnings = append(r.Warnings, "the timesteps of the levels are made whole numbers, so that the model is asked for times that are not quite those of the levels")
		return grid, timesteps, t, nil
	}
	return t.interpolate(timesteps), timesteps, t, nil
}

// end returns the last level as final_sigmas_type says.
func (r *Run) end(t *table) float64 {
	if r.config.text("final_sigmas_type") == "zero" {
		return 0
	}
	return t.sigmas[0]
}

// distinct returns an error if two levels before the end are the same, by rounding to whole timesteps. A formula of more than one prediction divides
// by their distance.
func (r *Run) distinct(predictions int) error {
	for i := 1; i < len(r.Timesteps) && predictions > 1; i++ {
		if r.Sigmas[i] == r.Sigmas[i-1] {
			return fmt.Errorf("%w: levels %d and %d are both sigma %.6g, timestep %v, and its formulas divide by their distance", ErrBroken, i-1, i, r.Sigmas[i], r.Timesteps[i])
		}
	}
	return nil
}

func buildDPMSolverMultistep(r *Run) error {
	sigmas, timesteps, t, err := r.lambdaLevels()
	if err != nil {
		return err
	}
	r.Sigmas, r.Timesteps = append(sigmas, r.end(t)), timesteps
	if err := r.climb(vp, r.Sigmas, timesteps, t); err != nil {
		return err
	}
	return r.multistep()
}

// multistep chooses the solver of the multistep DPM-Solver classes.
//
// The order falls to 1 in the last step if the run ends on clean data, if it is asked to, or if there are few
// steps; in those runs it is at most 2 in the last but one. The order-3 step has half of its second derivative.
func (r *Run) multistep() error {
	c, n := r.config, len(r.Timesteps)
	order, heun, algorithm := c.whole("solver_order"), c.text("solver_type") == "heun", c.text("algorithm_type")
	lower := c.flag("lower_order_final") && n < few
	euler := c.flag("euler_at_final") || c.text("final_sigmas_type") == "zero"
	if err := r.distinct(order); err != nil {
		return err
	}
	if order == 3 {
		r.Warnings = append(r.Warnings, "solver_order 3 weights the second derivative by half of what order 3 needs; its order is 2")
	}
	if degenerate := r.Sigmas[n] == r.Sigmas[n-1] && n > 1; degenerate && !lower && !euler && (order == 3 || heun && order == 2) {
		return fmt.Errorf("%w: the last two levels are the same, and its step of order %d divides by their distance", ErrBroken, order)
	}
	// The steps of lower order are of the configured type too, which for the midpoint type those of solvers.DPMSolver3M are not.
	if sde := strings.HasPrefix(algorithm, "sde"); sde || order == 3 && !heun {
		if sde && order == 3 && n > 2 && (algorithm == "sde-dpmsolver" || c.Class == "EDMDPMSolverMultistepScheduler") {
			return fmt.Errorf("%w: it has no formula for algorithm_type %q and solver_order 3", ErrBroken, algorithm)
		}
		return r.stepped(func(i int) (int, int) {
			order := min(order, i+1)
			if i == n-1 && (lower || euler) {
				order = 1
			} else if i == n-2 && lower {
				order = min(order, 2)
			}
			return order, i
		}, false)
	}
	data := algorithm == "dpmsolver++"
	variant := c.text("solver_type")
	switch {
	case order == 1:
		r.Solver = solvers.DDIM{}
	case order == 3:
		r.Solver = solvers.DPMSolver3M{Data: data, Halved: true, LowerFinal: lower}
	case data:
		r.Solver = solvers.DPMSolverPP2M{Variant: variant, LowerFinal: lower}
	default:
		r.Solver = solvers.DPMSolver2M{Variant: variant, LowerFinal: lower}
	}
	if euler && r.Sigmas[n] > 0 {
		r.Solver = ending{r.Solver, solvers.DDIM{}}
	}
	r.Solver = still{r.Solver}
	return nil
}

func buildUniPC(r *Run) error {
	c := r.config
	sigmas, timesteps, t, err := r.lambdaLevels()
	if err != nil {
		return err
	}
	last := r.end(t)
	if last > 0 && (c.flag("use_karras_sigmas") || c.flag("use_exponential_sigmas") || c.flag("use_beta_sigmas")) {
		last = sigmas[len(sigmas)-1]
	}
	r.Sigmas, r.Timesteps = append(sigmas, last), timesteps
	lower := c.flag("lower_order_final")
	switch n := len(timesteps); {
	case last == 0 && c.text("solver_type") == "bh1":
		return fmt.Errorf(`%w: solver_type "bh1" multiplies infinity by 0 in the last step of final_sigmas_type "zero"`, ErrBroken)
	case last == 0 && !c.flag("predict_x0"):
		return fmt.Errorf(`%w: predict_x0 false divides by zero in the last step of final_sigmas_type "zero"`, ErrBroken)
	case last == 0 && !lower && c.whole("solver_order") > 1 && n > 1:
		return fmt.Errorf(`%w: without lower_order_final it divides by an infinite step in the last step of final_sigmas_type "zero"`, ErrBroken)
	case last == sigmas[n-1] && !lower && c.whole("solver_order") > 1 && n > 1:
		return fmt.Errorf("%w: the last two levels are the same, and without lower_order_final it divides by their distance", ErrBroken)
	}
	if err := r.distinct(c.whole("solver_order")); err != nil {
		return err
	}
	skipped, _ := c.values["disable_corrector"].([]int)
	skipped = slices.Compact(slices.Sorted(slices.Values(skipped)))
	for i, step := range skipped {
		if step != i {
			return fmt.Errorf("%w: disable_corrector names step %d, but not all before it; only the first steps can go uncorrected here", solvers.ErrParameter, step)
		}
	}
	r.Solver = solvers.UniPC{Order: c.whole("solver_order"), Variant: c.text("solver_type"), Noise: !c.flag("predict_x0"), LowerFinal: lower, Skip: len(skipped)}
	return r.climb(vp, r.Sigmas, timesteps, t)
}

func buildDEIS(r *Run) error {
	c := r.config
	sigmas, timesteps, t, err := r.lambdaLevels()
	if err != nil {
		return err
	}
	r.Sigmas, r.Timesteps = append(sigmas, r.repeated(sigmas, t)), timesteps
	if err := r.distinct(c.whole("solver_order")); err != nil {
		return err
	}
	r.Solver = still{solvers.DEIS{Variant: "logrho", Order: c.whole("solver_order"), LowerFinal: c.flag("lower_order_final") && len(timesteps) < few}}
	return r.climb(vp, r.Sigmas, timesteps, t)
}

// repeated returns the last level of the classes that have no final_sigmas_type: the table's first, or, with
// another grid, that of the grid again, so that the last step is none.
func (r *Run) repeated(sigmas []float64, t *table) float64 {
	c := r.config
	for _, key := range []string{"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"} {
		if c.flag(key) {
			r.Warnings = append(r.Warnings, key+": the class repeats the last sigma, so that its last step goes nowhere")
			return sigmas[len(sigmas)-1]
		}
	}
	return t.sigmas[0]
}

func buildSASolver(r *Run) error {
	c := r.config
	sigmas, timesteps, t, err := r.lambdaLevels()
	if err != nil {
		return err
	}
	n := len(timesteps)
	r.Sigmas, r.Timesteps = append(sigmas, r.repeated(sigmas, t)), timesteps
	predictor, corrector := c.whole("predictor_order"), c.whole("corrector_order")
	for key, order := range map[string]int{"predictor_order": predictor, "corrector_order": corrector} {
		if order == 0 && (n > 1 || key == "predictor_order") {
			return fmt.Errorf("%w: it refuses %s 0 in its first step", ErrBroken, key)
		}
	}
	if err := r.distinct(max(predictor, corrector)); err != nil {
		return err
	}
	if !c.flag("lower_order_final") && r.Sigmas[n] == r.Sigmas[n-1] && predictor > 1 && n > 1 {
		return fmt.Errorf("%w: the last two levels are the same", ErrBroken)
	}
	// tau is 1 for the timesteps from 200 to 800. In the run's times: up to Since, and beyond Until.
	since, until := 0.0, 0.0
	for i, timestep := range timesteps {
		at := float64(n - i)
		if timestep > 800 {
			since = at - 0.5
		}
		if timestep < 200 && until == 0 {
			until = at
		}
	}
	s := solvers.SASolver{Predictor: predictor, Corrector: corrector, Noise: c.text("algorithm_type") == "noise_prediction",
		Tau: 1, Since: since, Until: until, Simple: c.text("algorithm_type") == "data_prediction", LowerFinal: c.flag("lower_order_final")}
	if since > 0 && until >= since {
		s.Tau, s.Since, s.Until = 0, 0, 0
	}
	r.Solver = s
	return r.climb(vp, r.Sigmas, timesteps, t)
}
