package command

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/bench/report"
	"github.com/diffsolve/diffsolve/bench/scheduler"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// sampleDocument is the document of sample --json.
type sampleDocument struct {
	Solver   string      `json:"solver"`
	Grid     []float64   `json:"grid"`
	NFE      int         `json:"nfe"`
	Rows     int         `json:"rows"`
	Dim      int         `json:"dim"`
	Seconds  float64     `json:"seconds"`
	Samples  [][]float64 `json:"samples,omitempty"`
	Warnings []string    `json:"warnings"`
	Steps    int         `json:"steps"`    // with those below, of the sample that took the most evaluations
	Rejected int         `json:"rejected"` // 0 on a grid
}

// sampling is what the flags of sample say.
type sampling struct {
	problem, solver, grid        string
	scheduler                    string
	arguments                    []string
	steps, rows, workers         int
	labels                       []int
	rtol, atol                   float64
	seed                         uint64
	initial, noise, out, picture string
	asJSON, quiet                bool
}

func newSample(c *console) *cobra.Command {
	var f sampling
	cmd := &cobra.Command{
		Use:   "sample",
		Short: "sample from a problem, to a file, a picture or the console",
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := func(flag string) bool { return cmd.Flags().Changed(flag) }
			return f.run(cmd, c, given)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.problem, "problem", "digits", "problem, a built-in name or a JSON file")
	labelsFlag(cmd, &f.labels)
	flags.StringVar(&f.solver, "solver", "dpm++2m", "solver, with parameters after a colon")
	flags.IntVar(&f.steps, "steps", 20, "number of steps")
	flags.StringVar(&f.grid, "grid", "quadratic", "grid, or a file of times (.npy, .csv)")
	flags.Float64Var(&f.rtol, "rtol", 0, "relative tolerance: steps are adapted between the ends of the grid, for each sample alone")
	flags.Float64Var(&f.atol, "atol", 0, "absolute tolerance; of --rtol and --atol one is enough for both")
	flags.StringVar(&f.scheduler, "scheduler", "", "scheduler_config.json of diffusers, whose class takes the place of solver and grid")
	flags.StringArrayVar(&f.arguments, "scheduler-arg", nil, "name=value that the class' step takes, such as eta=0.5")
	flags.IntVar(&f.rows, "rows", 16, "number of samples")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the initial states and the noise")
	flags.StringVar(&f.initial, "x", "", "file of initial states, rows x dim (.npy, .csv), instead of random ones")
	flags.StringVar(&f.noise, "noise", "", "file of standard normals to replay, draws x rows x dim (.npy); or tree, one Brownian path for any number of steps")
	flags.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "workers that share the rows; the samples do not depend on their number")
	flags.StringVar(&f.out, "out", "", "file for the samples, rows x dim (.npy, .csv)")
	flags.StringVar(&f.picture, "png", "", "file for a picture of the samples")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON document")
	flags.BoolVar(&f.quiet, "quiet", false, "no progress bar")
	return cmd
}

// sampler is what a run of sample does: a solver on a problem and a grid, of the catalogue or of a scheduler's config.
type sampler struct {
	name     string
	solver   solvers.Solver
	problem  solvers.Problem
	grid     []float64
	times    []float64 // of the problem, those of the grid or those at which a scheduler asks the model
	prior    func(rows int) []float64
	warnings []string
}

func (f *sampling) run(cmd *cobra.Command, c *console, given func(string) bool) error {
	for flag, n := range map[string]int{"rows": f.rows, "workers": f.workers} {
		if err := positive(flag, n); err != nil {
			return err
		}
	}
	if err := atMost("steps", f.steps, mostSteps); err != nil {
		return err
	}
	p, err := c.problem(f.problem, f.labels)
	if err != nil {
		return err
	}
	if err := atMost("rows", f.rows, mostValues/p.Dim); err != nil {
		return err
	}
	if err := f.checkFiles(); err != nil {
		return err
	}
	s, err := f.sampler(p, given)
	if err != nil {
		return err
	}
	if f.picture != "" {
		if err := report.CanDraw(p.ImageSide, p.Dim); err != nil {
			return flagError("png", err)
		}
	}
	control, err := f.control(s, given)
	if err != nil {
		return err
	}
	x, err := f.start(p, s, given("rows"))
	if err != nil {
		return err
	}
	rows := len(x) / p.Dim
	s.problem.Noise = sde.Fresh{Seed: f.seed}
	switch f.noise {
	case "":
	case "tree":
		s.problem.Noise = tree(f.seed, s.problem.Schedule, s.grid)
	default:
		if s.problem.Noise, err = f.replay(s, rows, p.Dim); err != nil {
			return err
		}
	}
	progress, finish := c.progress(f.quiet)
	workers := min(f.workers, rows)
	tick := ticker(progress, workers*(len(s.grid)-1))
	res, runErr := solvers.Sample(cmd.Context(), s.solver, s.problem, x, &solvers.Settings{Grid: s.grid, Control: control, Workers: workers,
		Observe: func(solvers.Observation) error { tick(s.name); return nil }})
	finish()
	if runErr != nil {
		return runErr
	}
	doc := sampleDocument{Solver: s.name, Grid: s.times, NFE: res.NFE, Rows: rows, Dim: p.Dim, Seconds: res.Elapsed.Seconds(),
		Warnings: append([]string{}, s.warnings...), Steps: res.Steps, Rejected: res.Rejected}
	for _, w := range res.Warnings {
		doc.Warnings = append(doc.Warnings, w.Error())
	}
	return f.deliver(c, p, doc, x)
}

// tree returns noise that is one path from end to end of the schedule, and to clean data if the grid leads there: whatever the grid, it is
// the same for one seed.
func tree(seed uint64, s sde.Schedule, grid []float64) sde.Noise {
	tmin, tmax := s.Domain()
	return sde.Tree{Seed: seed, From: max(tmax, grid[0]), To: min(tmin, grid[len(grid)-1])}
}

// control returns what the tolerances ask for, or nil.
func (f *sampling) control(s sampler, given func(string) bool) (*ode.Control, error) {
	if !given("rtol") && !given("atol") {
		return nil, nil
	}
	for flag, v := range map[string]float64{"rtol": f.rtol, "atol": f.atol} {
		if given(flag) && !(v > 0 && v <= 1) {
			return nil, usagef("--%s: %v, want more than 0 and at most 1", flag, v)
		}
	}
	if given("steps") {
		return nil, usagef("--steps: the tolerance decides on the steps, want --steps or --rtol and --atol")
	}
	if !s.solver.Info().Adaptive {
		return nil, usagef("--rtol: %s does not estimate its error; bench list --json says which solvers do", s.name)
	}
	return &ode.Control{Rel: cmp.Or(f.rtol, f.atol), Abs: cmp.Or(f.atol, f.rtol)}, nil
}

// checkFiles finds names of files that cannot be written before the run, not after it.
func (f *sampling) checkFiles() error {
	if f.out != "" {
		if e := strings.ToLower(filepath.Ext(f.out)); e != ".npy" && e != ".csv" {
			return usagef("--out: %s: want a file that ends in .npy or .csv", f.out)
		}
	}
	if err := checkFolder("out", f.out); err != nil {
		return err
	}
	return checkPicture(f.picture)
}

// checkPicture checks a --png flag.
func checkPicture(file string) error {
	if file != "" && strings.ToLower(filepath.Ext(file)) != ".png" {
		return usagef("--png: %s: want a file that ends in .png", file)
	}
	return checkFolder("png", file)
}

// checkFolder checks that the file of a flag can have a place.
func checkFolder(flag, file string) error {
	if dir, err := os.Stat(filepath.Dir(file)); file != "" && (err != nil || !dir.IsDir()) {
		return fmt.Errorf("--%s: %s: there is no folder %s", flag, file, filepath.Dir(file))
	}
	return nil
}

func (f *sampling) sampler(p *problem.Problem, given func(string) bool) (sampler, error) {
	if f.scheduler != "" || given("scheduler") {
		return f.schedulerSampler(p, given)
	}
	if len(f.arguments) > 0 {
		return sampler{}, usagef("--scheduler-arg: it goes with --scheduler")
	}
	solver, err := solvers.ByName(f.solver)
	if err != nil {
		return sampler{}, flagError("solver", err)
	}
	if !isFile(f.grid) {
		if err := positive("steps", f.steps); err != nil {
			return sampler{}, err
		}
	}
	grid, err := times(f.grid, p.Schedule, f.steps, given("steps"))
	return sampler{name: solvers.Name(solver), solver: solver, problem: p.Problem, grid: grid, times: grid,
		prior: func(rows int) []float64 { return solvers.Prior(p.Schedule, f.seed, rows, p.Dim) }}, err
}

func (f *sampling) schedulerSampler(p *problem.Problem, given func(string) bool) (sampler, error) {
	for _, flag := range []string{"solver", "grid"} {
		if given(flag) {
			return sampler{}, usagef("--%s: the scheduler's config says it, want --scheduler or --%s", flag, flag)
		}
	}
	if err := positive("steps", f.steps); err != nil {
		return sampler{}, err
	}
	arguments := map[string]string{}
	for _, text := range f.arguments {
		name, value, ok := strings.Cut(text, "=")
		if _, twice := arguments[name]; !ok || twice {
			return sampler{}, usagef("--scheduler-arg: %q, want name=value, each name once", text)
		}
		arguments[name] = value
	}
	config, err := scheduler.Load(f.scheduler)
	if err != nil {
		return sampler{}, flagError("scheduler", err)
	}
	r, err := config.Run(p.Problem, f.steps, arguments)
	if err != nil {
		return sampler{}, flagError("scheduler", err)
	}
	prior := func(rows int) []float64 {
		x := make([]float64, rows*p.Dim)
		sde.Fresh{Seed: f.seed}.Normals(x, 0, p.Dim)
		for i := range x {
			x[i] *= r.InitNoiseSigma
		}
		return x
	}
	return sampler{config.Class, r.Solver, r.Problem, r.Grid, r.Times, prior, r.Warnings}, nil
}

// start returns the initial states.
func (f *sampling) start(p *problem.Problem, s sampler, rowsGiven bool) ([]float64, error) {
	if f.initial == "" {
		return s.prior(f.rows), nil
	}
	x, rows, cols, err := problem.ReadMatrix(f.initial)
	if err != nil {
		return nil, flagError("x", err)
	}
	if cols != p.Dim {
		return nil, usagef("--x: %s: rows of %d values, problem %s has dimension %d", f.initial, cols, p.Name, p.Dim)
	}
	if rowsGiven && rows != f.rows {
		return nil, usagef("--rows: %d, but %s holds %d rows", f.rows, f.initial, rows)
	}
	return x, nil
}

func (f *sampling) replay(s sampler, rows, dim int) (sde.Noise, error) {
	draws, r, d, err := problem.ReadTensor3(f.noise)
	if err != nil {
		return nil, flagError("noise", err)
	}
	if r != rows || d != dim {
		return nil, usagef("--noise: %s: draws of %d x %d values, the run has %d rows of %d", f.noise, r, d, rows, dim)
	}
	if !s.solver.Info().Stochastic {
		return nil, usagef("--noise: %s draws no noise", s.name)
	}
	return sde.Replay{Draws: draws}, nil
}

// deliver writes the samples where the flags say.
func (f *sampling) deliver(c *console, p *problem.Problem, doc sampleDocument, x []float64) error {
	var failed error
	if f.out != "" {
		if err := problem.WriteMatrix(f.out, x, doc.Rows, doc.Dim); err != nil {
			failed = fmt.Errorf("--out: %w", err)
		}
	}
	if f.picture != "" {
		title := fmt.Sprintf("%s, %d evaluations", doc.Solver, doc.NFE)
		if err := report.DrawSamples(f.picture, title, x, p.Dim, p.ImageSide); err != nil {
			failed = errors.Join(failed, fmt.Errorf("--png: %w", err))
		}
	}
	rows := make([][]float64, doc.Rows)
	for i := range rows {
		rows[i] = x[i*doc.Dim : (i+1)*doc.Dim]
	}
	if f.asJSON {
		if f.out == "" {
			doc.Samples = rows
		}
		return errors.Join(failed, c.json(doc))
	}
	fmt.Fprintf(c.out, "%s on %s: %d samples of dimension %d, %d steps, %d evaluations each, %.3f s\n",
		doc.Solver, p.Name, doc.Rows, doc.Dim, doc.Steps, doc.NFE, doc.Seconds)
	if f.rtol+f.atol > 0 {
		fmt.Fprintf(c.out, "under error control: these are the numbers of the sample that took the most evaluations; %d of its steps were rejected\n", doc.Rejected)
	}
	for _, w := range doc.Warnings {
		fmt.Fprintf(c.out, "warning: %s\n", w)
	}
	for _, file := range []string{f.out, f.picture} {
		if file != "" && failed == nil {
			fmt.Fprintf(c.out, "wrote %s\n", file)
		}
	}
	const few = 4 // columns that fit a line
	if doc.Dim <= few {
		for j := range doc.Dim {
			column := make([]float64, doc.Rows)
			for i, row := range rows {
				column[i] = row[j]
			}
			mean, std := stat.MeanStdDev(column, nil)
			fmt.Fprintf(c.out, "coordinate %d: mean %.4f, standard deviation %.4f\n", j, mean, std)
		}
		if f.out == "" && f.picture == "" {
			for _, row := range rows {
				for _, v := range row {
					fmt.Fprintf(c.out, "%12.6f", v)
				}
				fmt.Fprintln(c.out)
			}
		}
	} else if f.out == "" && f.picture == "" {
		fmt.Fprintln(c.out, "to see the samples use --png FILE.png, --out FILE.npy or --json")
	}
	return failed
}
