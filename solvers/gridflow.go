package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/sde"
)

// FlowShiftGrid shifts uniform times towards the noise, u → su/(1 + (s-1)u), as models of high resolution
// need it [esser2024rectified, eq. 23]: on sde.Flow this multiplies κ by s. It takes the time of any schedule that ends at
// 1 or before.
//
// The shift s is Shift, or, if Tokens is given, that of an image of so many tokens: with μ the line through (256, 0.5)
// and (4096, 1.15), s is e^μ for the Form "exponential" (FLUX), the zero value, and μ for "linear".
//
// Without clean the ends are those of the domain, and the times between are uniform when shifted back. With
// clean the uniform times end at tmin before the shift, as published: the last step, to clean data, leaves from the
// shifted tmin (from tmin itself if the shift is less than 1). Terminal, if given, stretches these times so that the last is Terminal.
//
// References:
//
//	[esser2024rectified]  P. Esser et al. Scaling Rectified Flow Transformers for High-Resolution
//	                Image Synthesis. ICML 2024. https://arxiv.org/abs/2403.03206
type FlowShiftGrid struct {
	Zero
	Shift    float64 `param:"shift" default:"3" about:"factor of kappa; more spends more steps on noise"`
	Tokens   int     `param:"tokens" about:"length of the image sequence that sets the shift; 0 for none"`
	Form     string  `param:"form" values:"exponential|linear" about:"how the shift grows with mu of the tokens"`
	Terminal float64 `param:"terminal" about:"time from which the step to clean data leaves; 0 for the shifted tmin"`
}

// Name implements Grid.
func (FlowShiftGrid) Name() string { return "flowshift" }

// About implements Grid.
func (FlowShiftGrid) About() string { return "uniform in time, shifted towards the noise" }

// factor returns s.
func (g FlowShiftGrid) factor() (float64, error) {
	switch {
	case g.Tokens < 0:
		return 0, fmt.Errorf("%w: tokens is %d, want at least 0", ErrParameter, g.Tokens)
	case g.Form != "" && g.Form != "exponential" && g.Form != "linear":
		return 0, fmt.Errorf("%w: form is %q, want exponential or linear", ErrParameter, g.Form)
	case !(g.Terminal >= 0 && g.Terminal < 1):
		return 0, fmt.Errorf("%w: terminal is %v, want 0 to 1", ErrParameter, g.Terminal)
	case g.Terminal > 0 && !g.Clean:
		return 0, fmt.Errorf("%w: terminal is %v on a grid that does not end on clean data", ErrParameter, g.Terminal)
	case g.Tokens == 0:
		return positiveOr("shift", g.Shift, 3)
	case g.Shift != 0:
		return 0, fmt.Errorf("%w: shift and tokens are both given, want one of them", ErrParameter)
	}
	mu := 0.5 + (1.15-0.5)*float64(g.Tokens-256)/(4096-256)
	if g.Form == "linear" {
		return mu, nil
	}
	return math.Exp(mu), nil
}

// Times implements Grid.
func (g FlowShiftGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	factor, err := g.factor()
	if err != nil {
		return nil, err
	}
	if err := g.check(s, steps); err != nil {
		return nil, err
	}
	tmin, tmax := s.Domain()
	if tmax > 1 {
		return nil, fmt.Errorf("%w: it is for times up to 1, the schedule's run to %v", ErrUnsuited, tmax)
	}
	shift := func(u float64) float64 { return factor * u / (1 + (factor-1)*u) }
	unshift := func(t float64) float64 { return t / (factor - (factor-1)*t) }
	from, to := unshift(tmax), unshift(tmin)
	even := steps
	if g.Clean {
		to = math.Max(tmin, to) // a shift below 1 must not leave the domain
		even--
	}
	grid := make([]float64, steps+1)
	for i := range grid[:even+1] {
		w := float64(i) / math.Max(float64(even), 1)
		grid[i] = shift(from*(1-w) + to*w)
	}
	grid[even] = math.Max(grid[even], tmin) // as rounding may fall short of it
	grid[0] = tmax
	// One point is tmax and nothing can be stretched.
	if last := grid[even]; g.Terminal > 0 && even > 0 {
		for i := range grid[1 : even+1] {
			grid[i+1] = tmax - (tmax-grid[i+1])*(tmax-g.Terminal)/(tmax-last)
		}
		grid[even] = g.Terminal
	}
	grid[steps] = g.end(s)
	return grid, CheckGrid(s, grid)
}

// LinearQuadraticGrid is linear in time down to the fraction Threshold of the way from tmax to the end, and then
// quadratic, with the same slope where they meet [polyak2024moviegen]. The end is clean data or tmin.
//
// References:
//
//	[polyak2024moviegen]  A. Polyak et al. Movie Gen: A Cast of Media Foundation Models. 2024.
//	                      https://arxiv.org/abs/2410.13720
type LinearQuadraticGrid struct {
	Zero
	Threshold float64 `param:"threshold" default:"0.025" about:"fraction of the way that the linear steps go"`
	Linear    int     `param:"linear" about:"number of linear steps; 0 for half of the steps"`
}

// Name implements Grid.
func (LinearQuadraticGrid) Name() string { return "linearquadratic" }

// About implements Grid.
func (LinearQuadraticGrid) About() string { return "linear in time near the noise, then quadratic" }

// Times implements Grid. With L linear of N steps and the threshold θ, the fraction of the way after i of
// them is θi/L, and beyond L with (1 - θN/L)((i-L)/(N-L))² added, which makes it 1 at i = N.
func (g LinearQuadraticGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	threshold, err := positiveOr("threshold", g.Threshold, 0.025)
	switch {
	case err != nil:
		return nil, err
	case threshold >= 1:
		return nil, fmt.Errorf("%w: threshold is %v, want less than 1", ErrParameter, threshold)
	case g.Linear < 0 || g.Linear > 0 && g.Linear >= steps:
		return nil, fmt.Errorf("%w: linear is %d of %d steps, want 0, or 1 or more and less than all", ErrParameter, g.Linear, steps)
	}
	if err := g.check(s, steps); err != nil {
		return nil, err
	}
	linear := cmp.Or(g.Linear, steps/2)
	n, l := float64(steps), float64(linear)
	_, tmax := s.Domain()
	grid := make([]float64, steps+1)
	for i := range grid {
		w := threshold * float64(i) / l
		if i > linear {
			r := (float64(i) - l) / (n - l)
			w += (1 - threshold*n/l) * r * r
		}
		grid[i] = tmax*(1-w) + g.end(s)*w
	}
	grid[0], grid[steps] = tmax, g.end(s)
	return grid, CheckGrid(s, grid)
}
