package command

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/solvers"
)

// likelihoodDocument is the document of likelihood --json. Log-likelihoods are in nats; a figure that does not apply is null.
type likelihoodDocument struct {
	Problem       string          `json:"problem"`
	Divergence    string          `json:"divergence"`
	Probe         *string         `json:"probe"`
	Probes        int             `json:"probes"`
	Solver        string          `json:"solver"`
	Prior         string          `json:"prior"`
	TMin          float64         `json:"t_min"` // the density is that of the data smoothed to this time
	TMax          float64         `json:"t_max"`
	Rows          int             `json:"rows"`
	Dim           int             `json:"dim"`
	BinWidth      float64         `json:"bin_width"`
	LogLikelihood *float64        `json:"log_likelihood"` // mean over the rows that are done
	BitsPerDim    *float64        `json:"bits_per_dim"`
	StandardError *float64        `json:"standard_error"` // of the mean of these rows, over their probes
	SamplingError *float64        `json:"sampling_error"` // of the mean as that of all data, over the rows
	Seconds       float64         `json:"seconds"`
	Results       []likelihoodRow `json:"results"`
}

type likelihoodRow struct {
	Row           int      `json:"row"`
	LogLikelihood float64  `json:"log_likelihood"`
	StandardError float64  `json:"standard_error"`
	BitsPerDim    float64  `json:"bits_per_dim"`
	BitsError     float64  `json:"bits_per_dim_error"`
	NFE           int      `json:"nfe"`
	Steps         int      `json:"steps"`
	Rejected      int      `json:"rejected"`
	Status        string   `json:"status"`
	Exact         *float64 `json:"exact"`      // the log-likelihood from the model's own density
	Difference    *float64 `json:"difference"` // from it
}

// estimating is what the flags of likelihood say.
type estimating struct {
	problem, initial, out                  string
	divergence, probe, solver, grid, prior string
	rows, probes, steps, workers           int
	rel, abs, width                        float64
	seed                                   uint64
	asJSON, quiet                          bool
}

// The names of --prior.
const (
	priorNormal   = "normal"
	priorMarginal = "marginal"
)

func newLikelihood(c *console) *cobra.Command {
	var f estimating
	cmd := &cobra.Command{
		Use:   "likelihood",
		Short: "log-likelihood and bits per dimension along the probability flow",
		Long: `The log-likelihood of rows along the probability flow, in nats and in bits per dimension, with its standard error if the
divergence is estimated. The density is that of the data smoothed to the schedule's t_min. The prior is the normal law
from which samplers start, so that the likelihood is that of the sampler, or the model's own marginal. Where the model
knows its density the difference from it is shown.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), c, cmd.Flags().Changed)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.problem, "problem", "mixture2d", "problem, a built-in name or a JSON file")
	flags.IntVar(&f.rows, "rows", 8, "number of rows, sampled from the model")
	flags.StringVar(&f.initial, "x", "", "file of states at t_min, rows x dim (.npy, .csv), instead of samples")
	flags.StringVar(&f.divergence, "divergence", "exact", strings.Join(solvers.Divergences(), ", "))
	flags.IntVar(&f.probes, "probes", 8, "probes of each row, for hutchinson")
	flags.StringVar(&f.probe, "probe", "rademacher", "law of the probes: "+strings.Join(solvers.Probes(), ", "))
	flags.StringVar(&f.solver, "solver", "dop853", "Runge-Kutta method, with an error estimate unless --steps is given")
	flags.Float64Var(&f.rel, "rel", 1e-8, "relative tolerance of a step")
	flags.Float64Var(&f.abs, "abs", 1e-8, "absolute tolerance of a step")
	flags.IntVar(&f.steps, "steps", 0, "number of steps of a fixed grid, instead of adaptive steps")
	flags.StringVar(&f.grid, "grid", "quadratic", "fixed grid, or a file of times (.npy, .csv)")
	flags.StringVar(&f.prior, "prior", priorNormal, "density at the noise end: "+priorNormal+", of what samplers start from, or "+priorMarginal+", the model's")
	flags.Float64Var(&f.width, "bin-width", 1, "distance of neighbouring values of data that were whole numbers, for bits per dimension; 0.125 for digits")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the samples and of the probes")
	flags.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "workers that share the rows; the result does not depend on their number")
	flags.StringVar(&f.out, "out", "", "file for the noise to which the flow carries the rows, rows x dim (.npy, .csv)")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON document")
	flags.BoolVar(&f.quiet, "quiet", false, "no progress bar")
	return cmd
}

func (f *estimating) run(ctx context.Context, c *console, given func(string) bool) error {
	set, err := f.settings(given)
	if err != nil {
		return err
	}
	p, err := c.problems.Find(f.problem)
	if err != nil {
		return flagError("problem", err)
	}
	if err := atMost("rows", f.rows, mostValues/p.Dim); err != nil {
		return err
	}
	if given("steps") || given("grid") {
		if set.Grid, err = times(f.grid, p.Schedule, f.steps, given("steps")); err != nil {
			return err
		}
		set.Control = nil
	}
	if f.out != "" {
		if e := strings.ToLower(filepath.Ext(f.out)); e != ".npy" && e != ".csv" {
			return usagef("--out: %s: want a file that ends in .npy or .csv", f.out)
		}
	}
	progress, finish := c.progress(f.quiet)
	defer finish()
	x, err := f.states(ctx, p, given("rows"))
	if err != nil {
		return err
	}
	rows := len(x) / p.Dim
	doc := f.document(p, set, rows)
	tick := ticker(progress, rows)
	start := time.Now()
	latents := make([]float64, 0, len(x))
	var runErr error
	// By blocks, so that there is a bar and an interrupt keeps what is finished; a row's probes are keyed by its number.
	block := 4 * f.workers
	for lo := 0; lo < rows && runErr == nil; lo += block {
		hi := min(lo+block, rows)
		q := p.Problem
		q.Row = lo
		var l solvers.Likelihood
		l, runErr = solvers.LogLikelihood(ctx, q, x[lo*p.Dim:hi*p.Dim], set)
		if runErr != nil && l.Rows == nil {
			return f.blame(runErr)
		}
		doc.add(p, set, lo, x[lo*p.Dim:hi*p.Dim], l)
		latents = append(latents, l.Latents...)
		for range l.Rows {
			tick("likelihood on " + p.Name)
		}
	}
	finish()
	doc.Seconds = time.Since(start).Seconds()
	doc.summarize()
	if f.out != "" && runErr == nil {
		if err := problem.WriteMatrix(f.out, latents, rows, p.Dim); err != nil {
			runErr = fmt.Errorf("--out: %w", err)
		}
	}
	if f.asJSON {
		return errors.Join(runErr, c.json(doc))
	}
	return errors.Join(runErr, c.likelihoods(doc))
}

// settings checks the flags that need no problem.
func (f *estimating) settings(given func(string) bool) (*solvers.LikelihoodSettings, error) {
	for flag, n := range map[string]int{"rows": f.rows, "workers": f.workers, "probes": f.probes} {
		if err := positive(flag, n); err != nil {
			return nil, err
		}
	}
	if given("steps") {
		if err := errors.Join(positive("steps", f.steps), atMost("steps", f.steps, mostSteps)); err != nil {
			return nil, err
		}
	}
	if !given("steps") && given("grid") && !isFile(f.grid) {
		return nil, usagef("--grid: %s needs --steps; without both, steps are adapted", f.grid)
	}
	for flag, v := range map[string]float64{"rel": f.rel, "abs": f.abs, "bin-width": f.width} {
		if !(v > 0) || math.IsInf(v, 1) {
			return nil, usagef("--%s: %v, want a positive number", flag, v)
		}
	}
	set := &solvers.LikelihoodSettings{Seed: f.seed, Workers: f.workers, BinWidth: f.width, Control: &ode.Control{Rel: f.rel, Abs: f.abs}}
	var i, j, k, l int
	var tableaus []string
	for _, tab := range ode.Tableaus() {
		tableaus = append(tableaus, tab.Name)
	}
	for _, choice := range []struct {
		flag, value string
		names       []string
		to          *int
	}{{"divergence", f.divergence, solvers.Divergences(), &i}, {"probe", f.probe, solvers.Probes(), &j},
		{"prior", f.prior, []string{priorNormal, priorMarginal}, &k}, {"solver", f.solver, tableaus, &l}} {
		if *choice.to = slices.Index(choice.names, choice.value); *choice.to < 0 {
			return nil, flagError(choice.flag, solvers.Unknown(choice.flag, choice.value, choice.names))
		}
	}
	set.Divergence, set.Probe = solvers.Divergence(i), solvers.Probe(j)
	set.Marginal, set.Tableau = f.prior == priorMarginal, ode.Tableaus()[l]
	if set.Divergence == solvers.DivergenceHutchinson {
		set.Probes = f.probes
	} else {
		for _, flag := range []string{"probes", "probe"} {
			if given(flag) {
				return nil, usagef("--%s: it goes with --divergence hutchinson", flag)
			}
		}
	}
	return set, atMost("probes", f.probes, mostTraced)
}

// blame names the flag that the library refuses.
func (f *estimating) blame(err error) error {
	switch {
	case errors.Is(err, solvers.ErrNoDerivative):
		return flagError("divergence", err)
	case errors.Is(err, solvers.ErrNoEstimate):
		return flagError("solver", err)
	case f.prior == priorMarginal && errors.Is(err, solvers.ErrProblem):
		return flagError("prior", err)
	}
	return err
}

// states returns the rows of the file, or samples of the model: the flow from the prior to t_min.
func (f *estimating) states(ctx context.Context, p *problem.Problem, rowsGiven bool) ([]float64, error) {
	if f.initial == "" {
		x := solvers.Prior(p.Schedule, f.seed, f.rows, p.Dim)
		tmin, tmax := p.Schedule.Domain()
		_, err := solvers.Sample(ctx, solvers.RungeKutta{Tableau: ode.DP5}, p.Problem, x, &solvers.Settings{
			Grid: []float64{tmax, tmin}, Control: &ode.Control{Rel: 1e-6, Abs: 1e-6}, Workers: f.workers})
		return x, err
	}
	x, rows, cols, err := problem.ReadMatrix(f.initial)
	switch {
	case err != nil:
		return nil, flagError("x", err)
	case cols != p.Dim:
		return nil, usagef("--x: %s: rows of %d values, problem %s has dimension %d", f.initial, cols, p.Name, p.Dim)
	case rowsGiven && rows != f.rows:
		return nil, usagef("--rows: %d, but %s holds %d rows", f.rows, f.initial, rows)
	}
	return x, nil
}

func (f *estimating) document(p *problem.Problem, set *solvers.LikelihoodSettings, rows int) *likelihoodDocument {
	tmin, tmax := p.Schedule.Domain()
	if g := set.Grid; g != nil {
		tmin, tmax = g[len(g)-1], g[0]
	}
	d := &likelihoodDocument{Problem: p.Name, Divergence: f.divergence, Probes: set.Probes, Solver: f.solver, Prior: f.prior,
		TMin: tmin, TMax: tmax, Rows: rows, Dim: p.Dim, BinWidth: f.width}
	if set.Probes > 0 {
		d.Probe = &f.probe
	}
	return d
}

// add enters the rows of a block, the first of which has the number first.
//
// By the change of variables the likelihood under a prior q is p(x) q(x_T)/p_T(x_T), for the true x_T; that of the run is
// as good as its tolerance.
func (d *likelihoodDocument) add(p *problem.Problem, set *solvers.LikelihoodSettings, first int, x []float64, l solvers.Likelihood) {
	density, known := p.Model.(interface {
		LogDensity(dst, x []float64, t float64)
	})
	for i, r := range l.Rows {
		row := likelihoodRow{Row: first + i, LogLikelihood: r.Log, StandardError: r.StandardError, BitsPerDim: r.BitsPerDim,
			BitsError: r.StandardError / (float64(p.Dim) * math.Ln2),
			NFE:       r.NFE, Steps: r.Steps, Rejected: r.Rejected, Status: r.Status.String()}
		if known && r.Status == ode.Done {
			end, exact, marginal := l.Latents[i*p.Dim:(i+1)*p.Dim], make([]float64, 1), make([]float64, 1)
			density.LogDensity(exact, x[i*p.Dim:(i+1)*p.Dim], d.TMin)
			if !set.Marginal {
				density.LogDensity(marginal, end, d.TMax)
				exact[0] += solvers.LogPrior(p.Schedule.At(d.TMax), end) - marginal[0]
			}
			difference := r.Log - exact[0]
			row.Exact, row.Difference = &exact[0], &difference
		}
		d.Results = append(d.Results, row)
	}
}

// summarize computes the means over the rows that are done.
func (d *likelihoodDocument) summarize() {
	var logs, bits []float64
	squares := 0.0
	for _, r := range d.Results {
		if r.Status == ode.Done.String() {
			logs, bits = append(logs, r.LogLikelihood), append(bits, r.BitsPerDim)
			squares += r.StandardError * r.StandardError
		}
	}
	if len(logs) == 0 {
		return
	}
	mean, std := stat.MeanStdDev(logs, nil)
	n := float64(len(logs))
	average, probing, sampling := stat.Mean(bits, nil), math.Sqrt(squares)/n, std/math.Sqrt(n)
	d.LogLikelihood, d.BitsPerDim, d.StandardError, d.SamplingError = &mean, &average, &probing, &sampling
}

func (c *console) likelihoods(d *likelihoodDocument) error {
	how := d.Divergence + " divergence"
	if d.Probe != nil {
		how = fmt.Sprintf("%d %s probes", d.Probes, *d.Probe)
	}
	fmt.Fprintf(c.out, "log-likelihood of %d rows of dimension %d on %s in nats, smoothed to t=%g: %s, %s, %s prior, %.3f s\n\n",
		d.Rows, d.Dim, d.Problem, d.TMin, d.Solver, how, d.Prior, d.Seconds)
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "row\tlog-likelihood\t±\tbits/dim\t±\tNFE\tsteps\texact\tdifference\t")
	optional := func(format string, v *float64) string {
		if v == nil || math.IsNaN(*v) {
			return "-"
		}
		return fmt.Sprintf(format, *v)
	}
	spread := func(v float64) string {
		if d.Probe == nil {
			return "-"
		}
		return optional("%.4f", &v)
	}
	for _, r := range d.Results {
		if r.Status != ode.Done.String() {
			fmt.Fprintf(w, "%d\t%s\t\t\t\t%d\t%d\t\t\t\n", r.Row, r.Status, r.NFE, r.Steps)
			continue
		}
		fmt.Fprintf(w, "%d\t%.6f\t%s\t%.6f\t%s\t%d\t%d\t%s\t%s\t\n", r.Row, r.LogLikelihood, spread(r.StandardError), r.BitsPerDim,
			spread(r.BitsError), r.NFE, r.Steps, optional("%.6f", r.Exact), optional("%.1e", r.Difference))
	}
	if err := w.Flush(); err != nil || d.LogLikelihood == nil {
		return err
	}
	line := fmt.Sprintf("\nmean %.6f", *d.LogLikelihood)
	if d.Probe != nil {
		line += " ± " + optional("%.4f", d.StandardError) + " over the probes"
	}
	_, err := fmt.Fprintf(c.out, "%s, ± %s over the rows; %.6f bits/dim\n", line, optional("%.4f", d.SamplingError), *d.BitsPerDim)
	return err
}
