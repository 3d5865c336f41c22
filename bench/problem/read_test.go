package problem_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// must returns a function that returns v, or ends the test if there is an error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// scheduleText and modelText complete a problem, where only the other part matters.
const (
	scheduleText = `{"kind": "vplinear"}`
	modelText    = `{"kind": "gaussian", "mean": [0], "variance": 1}`
)

func withSchedule(text string) string {
	return `{"schedule": ` + text + `, "model": ` + modelText + `}`
}

func withModel(text string) string {
	return `{"schedule": ` + scheduleText + `, "model": ` + text + `}`
}

// A curve is a schedule seen from outside.
type curve struct {
	TMin, TMax float64
	Points     []sde.Point
	Times      []float64
}

// curveOf evaluates s at eleven times of its domain, and inverts it there.
func curveOf(s sde.Schedule) curve {
	const n = 10
	var c curve
	c.TMin, c.TMax = s.Domain()
	for i := range n + 1 {
		w := float64(i) / n
		p := s.At(c.TMin*(1-w) + c.TMax*w)
		c.Points = append(c.Points, p)
		c.Times = append(c.Times, s.Time(p.Lambda()))
	}
	return c
}

func TestReadSchedule(t *testing.T) {
	discrete := func(betas []float64) sde.Schedule { return must(sde.NewDiscrete(betas))(t) }
	tests := []struct {
		text string
		want sde.Schedule
	}{
		{`{"kind": "vplinear"}`, sde.VP{}},
		{`{"kind": "vplinear", "beta_min": 0}`, sde.VP{BetaMin: 0, BetaMax: 20}},
		{`{"kind": "vplinear", "beta_max": 1e1}`, sde.VP{BetaMin: 0.1, BetaMax: 10}},
		{`{"kind": "vplinear", "t_max": 0.5, "t_min": 1e-5}`, sde.VP{TMin: 1e-5, TMax: 0.5}},
		{`{"kind": "vplinear", "beta_min": 3, "beta_max": 2, "t_min": 1, "t_max": 2}`, sde.VP{BetaMin: 3, BetaMax: 2, TMin: 1, TMax: 2}},
		{`{"kind": "vpcosine"}`, sde.Cosine{}},
		{`{"kind": "vpcosine", "t_min": 0.01, "t_max": 0.99}`, sde.Cosine{TMin: 0.01, TMax: 0.99}},
		{`{"kind": "ddpm"}`, discrete(sde.LinearBetas(1000, 1e-4, 0.02))},
		{`{"kind": "ddpm", "beta_schedule": "linear", "beta_start": 1e-3, "num_train_timesteps": 100}`, discrete(sde.LinearBetas(100, 1e-3, 0.02))},
		{`{"kind": "ddpm", "beta_schedule": "scaled_linear"}`, discrete(sde.ScaledLinearBetas(1000, 1e-4, 0.02))},
		{`{"kind": "ddpm", "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}`,
			discrete(sde.ScaledLinearBetas(1000, 0.00085, 0.012))},
		{`{"kind": "ddpm", "beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 1e2}`, discrete(sde.SquaredCosineBetas(100))},
		{`{"kind": "ddpm", "trained_betas": [0.1, 0.2, 0.15]}`, discrete([]float64{0.1, 0.2, 0.15})},
		{`{"kind": "subvp"}`, sde.SubVP{}},
		{`{"kind": "subvp", "beta_min": 0, "beta_max": 8, "t_min": 0.1, "t_max": 2}`, sde.SubVP{BetaMax: 8, TMin: 0.1, TMax: 2}},
		{`{"kind": "ve"}`, sde.VE{}},
		{`{"kind": "ve", "sigma_max": 1348, "sigma_min": 0.3}`, sde.VE{SigmaMin: 0.3, SigmaMax: 1348}},
		{`{"kind": "edm"}`, sde.EDM{}},
		{`{"kind": "edm", "sigma_min": 0.01, "sigma_max": 700}`, sde.EDM{SigmaMin: 0.01, SigmaMax: 700}},
		{`{"kind": "flow"}`, sde.Flow{}},
		{`{"kind": "flow", "t_min": 0.01, "t_max": 0.99}`, sde.Flow{TMin: 0.01, TMax: 0.99}},
		{`{"kind": "trigflow"}`, sde.TrigFlow{}},
		{`{"kind": "trigflow", "t_max": 1.5}`, sde.TrigFlow{TMax: 1.5}},
	}
	for _, test := range tests {
		p, err := problem.Read("p", []byte(withSchedule(test.text)), "")
		if err != nil {
			t.Errorf("Read(%s): %v", test.text, err)
			continue
		}
		if diff := cmp.Diff(curveOf(test.want), curveOf(p.Schedule)); diff != "" {
			t.Errorf("Read(%s): schedule (-want +got):\n%s", test.text, diff)
		}
	}
}

// predictions returns what m predicts for six rows, near to the data and in the noise.
func predictions(t *testing.T, m scoremodel.Model, dim int) [][]float64 {
	t.Helper()
	var all [][]float64
	for _, time := range []float64{1e-3, 0.1, 1} {
		x, eps := make([]float64, 6*dim), make([]float64, 6*dim)
		sde.Fresh{Seed: 1}.Normals(x, 0, dim)
		if err := m.Predict(eps, x, time); err != nil {
			t.Fatal(err)
		}
		all = append(all, eps)
	}
	return all
}

func TestReadModel(t *testing.T) {
	s := sde.VP{}
	gaussian := func(c scoremodel.Component) scoremodel.Model { return must(scoremodel.NewGaussian(s, c))(t) }
	mixture := func(c ...scoremodel.Component) scoremodel.Model { return must(scoremodel.NewMixture(s, c...))(t) }
	dataset := func(dim int, width float64, samples ...float64) scoremodel.Model {
		return must(scoremodel.NewDataset(s, samples, dim, width))(t)
	}
	images, _ := scoremodel.Digits()
	correlated := mat.NewSymDense(2, []float64{2, 0.5, 0.5, 1})
	narrow := mat.NewSymDense(2, []float64{0.25, 0, 0, 0.125})

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data.csv"), []byte("1,2\n3,4\n5,7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := problem.WriteMatrix(filepath.Join(dir, "data.npy"), []float64{1, 2, 3, 4, 5, 7}, 3, 2); err != nil {
		t.Fatal(err)
	}
	absolute := fmt.Sprintf("%q", filepath.Join(dir, "data.npy"))

	tests := []struct {
		text string
		dim  int
		want scoremodel.Model
	}{
		{`{"kind": "gaussian", "mean": [0.7], "variance": 0.25}`, 1, gaussian(scoremodel.Component{Mean: []float64{0.7}, Variance: 0.25})},
		{`{"kind": "gaussian", "mean": [1, -2], "variance": 0.25}`, 2, gaussian(scoremodel.Component{Mean: []float64{1, -2}, Variance: 0.25})},
		{`{"mean": [1, -2], "variances": [0.5, 3], "kind": "gaussian"}`, 2, gaussian(scoremodel.Component{Mean: []float64{1, -2}, Variances: []float64{0.5, 3}})},
		{`{"kind": "gaussian", "mean": [1, -2], "covariance": [[2, 0.5], [0.5, 1]]}`, 2, gaussian(scoremodel.Component{Mean: []float64{1, -2}, Covariance: correlated})},
		// The mean of the two off-diagonal entries is 0.5.
		{`{"kind": "gaussian", "mean": [1, -2], "covariance": [[2, 0.5000000000000002], [0.4999999999999998, 1]]}`, 2,
			gaussian(scoremodel.Component{Mean: []float64{1, -2}, Covariance: correlated})},

		{`{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2, 0], [0.8, 1]], "variances": 0.1}`, 2, mixture(
			scoremodel.Component{Weight: 0.3, Mean: []float64{-1.2, 0}, Variance: 0.1},
			scoremodel.Component{Weight: 0.7, Mean: []float64{0.8, 1}, Variance: 0.1})},
		{`{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2, 0], [0.8, 1]], "variances": [0.1, 0.2]}`, 2, mixture(
			scoremodel.Component{Weight: 0.3, Mean: []float64{-1.2, 0}, Variance: 0.1},
			scoremodel.Component{Weight: 0.7, Mean: []float64{0.8, 1}, Variance: 0.2})},
		{`{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2, 0], [0.8, 1]], "variances": [[0.1, 0.2], [0.3, 0.4]]}`, 2, mixture(
			scoremodel.Component{Weight: 0.3, Mean: []float64{-1.2, 0}, Variances: []float64{0.1, 0.2}},
			scoremodel.Component{Weight: 0.7, Mean: []float64{0.8, 1}, Variances: []float64{0.3, 0.4}})},
		{`{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2, 0], [0.8, 1]], "covariances": [[[2, 0.5], [0.5, 1]], [[0.25, 0], [0, 0.125]]]}`, 2, mixture(
			scoremodel.Component{Weight: 0.3, Mean: []float64{-1.2, 0}, Covariance: correlated},
			scoremodel.Component{Weight: 0.7, Mean: []float64{0.8, 1}, Covariance: narrow})},
		{`{"kind": "mixture", "weights": [1], "means": [[2]], "variances": [[0.5]]}`, 1, mixture(
			scoremodel.Component{Weight: 1, Mean: []float64{2}, Variances: []float64{0.5}})},

		{`{"kind": "dataset", "file": "data.csv", "bandwidth": 0.5}`, 2, dataset(2, 0.5, 1, 2, 3, 4, 5, 7)},
		{`{"kind": "dataset", "file": "data.npy", "bandwidth": 0}`, 2, dataset(2, 0, 1, 2, 3, 4, 5, 7)},
		{`{"kind": "dataset", "file": ` + absolute + `, "bandwidth": 0.5}`, 2, dataset(2, 0.5, 1, 2, 3, 4, 5, 7)},
		{`{"kind": "digits"}`, 64, dataset(64, 0.15, images...)},
		{`{"kind": "digits", "bandwidth": 0.3}`, 64, dataset(64, 0.3, images...)},
	}
	for _, test := range tests {
		p, err := problem.Read("p", []byte(withModel(test.text)), dir)
		if err != nil {
			t.Errorf("Read(%s): %v", test.text, err)
			continue
		}
		if p.Dim != test.dim {
			t.Errorf("Read(%s).Dim = %d, want %d", test.text, p.Dim, test.dim)
			continue
		}
		if diff := cmp.Diff(predictions(t, test.want, test.dim), predictions(t, p.Model, test.dim)); diff != "" {
			t.Errorf("Read(%s): predictions (-want +got):\n%s", test.text, diff)
		}
	}
}

func TestReadProblem(t *testing.T) {
	// What New and Read add to schedule and model.
	type facts struct {
		Name, About    string
		Gaussian, Flow bool
		ImageSide      int
	}
	tests := []struct {
		text string
		want facts
	}{
		{withModel(modelText), facts{Name: "p", About: "gaussian, dimension 1, vplinear schedule", Gaussian: true, Flow: true}},
		{`{"about": "a test", "schedule": ` + scheduleText + `, "model": ` + modelText + `}`, facts{Name: "p", About: "a test", Gaussian: true, Flow: true}},
		{withModel(`{"kind": "mixture", "weights": [1], "means": [[2]], "variances": 1}`), facts{Name: "p", About: "mixture, dimension 1, vplinear schedule", Flow: true}},
		{withModel(`{"kind": "mixture", "weights": [1], "means": [[2, 3]], "variances": 1}`), facts{Name: "p", About: "mixture, dimension 2, vplinear schedule"}},
		{withModel(`{"kind": "digits"}`), facts{Name: "p", About: "digits, dimension 64, vplinear schedule", ImageSide: 8}},
	}
	for _, test := range tests {
		p, err := problem.Read("p", []byte(test.text), "")
		if err != nil {
			t.Errorf("Read(%s): %v", test.text, err)
			continue
		}
		got := facts{p.Name, p.About, p.Gaussian != nil, p.Flow != nil, p.ImageSide}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("Read(%s) (-want +got):\n%s", test.text, diff)
		}
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "words.csv"), []byte("1,2\n3,four\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const mixture = `{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2, 0], [0.8, 1]], `

	tests := []struct{ text, want string }{ // want follows "p.json: "
		// The text.
		{``, `the file is empty`},
		{" \n\t", `the file is empty`},
		{`{`, `line 1, column 2: unexpected end of JSON input`},
		{"{\n  \"schedule\": {\"kind\" \"vplinear\"}\n}", `line 2, column 23: invalid character '"' after object key`},
		{"{\n  \"about\": \"größer\", }", `line 2, column 22: invalid character '}' looking for beginning of object key string`},
		{`{"about": 'x'}`, `line 1, column 11: invalid character '\'' looking for beginning of value`},
		{"{\"about\": \"two\nlines\"}", `line 1, column 15: invalid character '\n' in string literal`},
		{withModel(modelText) + ` {}`, `line 1, column 95: invalid character '{' after top-level value`},
		{withModel(`{"kind": "gaussian", "mean": [NaN], "variance": 1}`), `line 1, column 75: NaN is not a JSON number`},
		{withModel(`{"kind": "gaussian", "mean": [0], "variance": Infinity}`), `line 1, column 91: Infinity is not a JSON number`},
		{withModel(`{"kind": "gaussian", "mean": [-Infinity], "variance": 1}`), `line 1, column 76: Infinity is not a JSON number`},
		{withModel(`{"kind": "gaussian", "mean": [01], "variance": 1}`), `line 1, column 76: invalid character '1' after array element`},
		{strings.Repeat("[", 20000) + strings.Repeat("]", 20000), `line 1, column 10001: invalid character '[' exceeded max depth`},
		{strings.Repeat("[", 17) + strings.Repeat("]", 17), strings.Repeat("[0]", 16) + `: nested more than 16 deep`},
		{strings.Repeat(`{"a":`, 17) + "0" + strings.Repeat("}", 17), "a" + strings.Repeat(".a", 15) + `: nested more than 16 deep`},

		// The whole.
		{`null`, `null: want an object`},
		{`[]`, `an empty list: want an object`},
		{`"x"`, `"x": want an object`},
		{`{}`, `schedule: missing, want an object`},
		{`{"schedule": {"kind": "vplinear"}}`, `model: missing, want an object`},
		{`{"shedule": {}, "model": {}}`, `unknown field "shedule", did you mean "schedule"?`},
		{`{"something quite else": 1}`, `unknown field "something quite else", want one of schedule, model, about`},
		{`{"a\nb": 1, "a\nb": 2}`, `["a\nb"]: given twice`},
		{`{"` + strings.Repeat("x", 1000) + `": 1}`, `unknown field "` + strings.Repeat("x", 40) + `…", want one of schedule, model, about`},
		{`{"about": 7, "schedule": {}, "model": {}}`, `about: 7: want a string`},
		{`{"about": null, "schedule": {}, "model": {}}`, `about: null: want a string`},
		{`{"model": {"kind": "digits"}, "model": {"kind": "digits"}}`, `model: given twice`},

		// Schedules.
		{withSchedule(`"vplinear"`), `schedule: "vplinear": want an object`},
		{withSchedule(`{}`), `schedule.kind: missing, want one of vplinear, vpcosine, ddpm, subvp, ve, edm, flow, trigflow`},
		{withSchedule(`{"knd": "vplinear"}`), `schedule: unknown field "knd", did you mean "kind"?`},
		{withSchedule(`{"kind": 3}`), `schedule.kind: 3: want one of vplinear, vpcosine, ddpm, subvp, ve, edm, flow, trigflow`},
		{withSchedule(`{"kind": "vpliner"}`), `schedule.kind: unknown kind "vpliner", did you mean "vplinear"?`},
		{withSchedule(`{"kind": "vplinear", "beta": 1}`), `schedule: unknown field "beta", want one of kind, beta_min, beta_max, t_min, t_max`},
		{withSchedule(`{"kind": "vplinear", "beta_mni": 1}`), `schedule: unknown field "beta_mni", did you mean "beta_min"?`},
		{withSchedule(`{"kind": "vplinear", "beta_max": 20, "beta_max": 20}`), `schedule.beta_max: given twice`},
		{withSchedule(`{"kind": "vplinear", "beta_min": "0.1"}`), `schedule.beta_min: "0.1": want a number not below 0`},
		{withSchedule(`{"kind": "vplinear", "beta_min": -0.1}`), `schedule.beta_min: -0.1: want a number not below 0`},
		{withSchedule(`{"kind": "vplinear", "beta_max": 0}`), `schedule.beta_max: 0: want a positive number`},
		{withSchedule(`{"kind": "vplinear", "beta_max": 1e999}`), `schedule.beta_max: 1e999: want a number from -1e+100 to 1e+100`},
		{withSchedule(`{"kind": "vplinear", "beta_max": 1e` + strings.Repeat("9", 100) + `}`), `schedule.beta_max: 1e` + strings.Repeat("9", 38) + `…: want a number from -1e+100 to 1e+100`},
		{withSchedule(`{"kind": "vplinear", "t_min": 0}`), `schedule.t_min: 0: want a positive number`},
		{withSchedule(`{"kind": "vplinear", "t_min": null}`), `schedule.t_min: null: want a positive number`},
		{withSchedule(`{"kind": "vplinear", "t_min": 2}`), `schedule: t_min is 2 and t_max is 1, want t_min below t_max`},
		{withSchedule(`{"kind": "vplinear", "beta_min": 3, "beta_max": 1, "t_max": 2}`), `schedule: sde: VP with beta from 3 to 1 is negative at TMax 2`},
		{withSchedule(`{"kind": "vplinear", "beta_max": 1e5}`), `schedule: sde: VP with beta from 0.1 to 100000: alpha underflows at TMax 1`},
		{withSchedule(`{"kind": "vplinear", "beta_min": 0, "t_min": 1e-200}`), `schedule: at time 1e-200 alpha is 1, sigma 0 and g² NaN, want positive, finite numbers`},
		{withSchedule(`{"kind": "vpcosine", "beta_min": 1}`), `schedule: unknown field "beta_min", want one of kind, t_min, t_max`},
		{withSchedule(`{"kind": "vpcosine", "t_max": 1}`), `schedule.t_max: 1: want a number between 0 and 1`},
		{withSchedule(`{"kind": "vpcosine", "t_min": 0.5, "t_max": 0.5}`), `schedule: t_min is 0.5 and t_max is 0.5, want t_min below t_max`},
		{withSchedule(`{"kind": "subvp", "t_min": 2}`), `schedule: t_min is 2 and t_max is 1, want t_min below t_max`},
		{withSchedule(`{"kind": "subvp", "beta_max": 1e5}`), `schedule: sde: SubVP with beta from 0.1 to 100000: alpha underflows at TMax 1`},
		{withSchedule(`{"kind": "ve", "sigma_min": 50}`), `schedule: sigma_min is 50 and sigma_max is 50, want sigma_min below sigma_max`},
		{withSchedule(`{"kind": "ve", "sigma_max": 0}`), `schedule.sigma_max: 0: want a positive number`},
		{withSchedule(`{"kind": "ve", "t_min": 1e-5}`), `schedule: unknown field "t_min", want one of kind, sigma_min, sigma_max`},
		{withSchedule(`{"kind": "edm", "sigma_min": -1}`), `schedule.sigma_min: -1: want a positive number`},
		{withSchedule(`{"kind": "edm", "sigma_min": 100}`), `schedule: sigma_min is 100 and sigma_max is 80, want sigma_min below sigma_max`},
		{withSchedule(`{"kind": "flow", "t_max": 1}`), `schedule.t_max: 1: want a number between 0 and 1`},
		{withSchedule(`{"kind": "flow", "t_min": 0}`), `schedule.t_min: 0: want a number between 0 and 1`},
		{withSchedule(`{"kind": "trigflow", "t_max": 2}`), `schedule: sde: TrigFlow with time from 0.003999978666871465 to 2: want 0 < TMin < TMax < π/2`},
		{withSchedule(`{"kind": "ddpm", "beta_schedule": "scaledlinear"}`), `schedule.beta_schedule: unknown beta_schedule "scaledlinear", did you mean "scaled_linear"?`},
		{withSchedule(`{"kind": "ddpm", "beta_schedule": true}`), `schedule.beta_schedule: true: want one of linear, scaled_linear, squaredcos_cap_v2`},
		{withSchedule(`{"kind": "ddpm", "beta_end": 1}`), `schedule.beta_end: 1: want a number between 0 and 1`},
		{withSchedule(`{"kind": "ddpm", "beta_end": 0.9, "num_train_timesteps": 9000}`), `schedule: sde: alpha underflows at the end of 9000 betas`},
		{withSchedule(`{"kind": "ddpm", "num_train_timesteps": 1}`), `schedule.num_train_timesteps: 1: want a whole number from 2 to 1000000`},
		{withSchedule(`{"kind": "ddpm", "num_train_timesteps": 10.5}`), `schedule.num_train_timesteps: 10.5: want a whole number from 2 to 1000000`},
		{withSchedule(`{"kind": "ddpm", "num_train_timesteps": 1e18}`), `schedule.num_train_timesteps: 1e18: want a whole number from 2 to 1000000`},
		{withSchedule(`{"kind": "ddpm", "beta_schedule": "squaredcos_cap_v2", "beta_end": 0.02}`), `schedule.beta_end: not allowed with squaredcos_cap_v2`},
		{withSchedule(`{"kind": "ddpm", "trained_betas": [0.1, 0.2], "num_train_timesteps": 2}`), `schedule.num_train_timesteps: not allowed with trained_betas`},
		{withSchedule(`{"kind": "ddpm", "trained_betas": null}`), `schedule.trained_betas: null: want a list of numbers`},
		{withSchedule(`{"kind": "ddpm", "trained_betas": [0.1]}`), `schedule: sde: 1 betas, want at least 2`},
		{withSchedule(`{"kind": "ddpm", "trained_betas": [0.1, 1.5]}`), `schedule.trained_betas[1]: 1.5: want a number between 0 and 1`},

		// Models.
		{withModel(`[1, 2]`), `model: a list: want an object`},
		{withModel(`{"kind": "gausian"}`), `model.kind: unknown kind "gausian", did you mean "gaussian"?`},
		{withModel(`{"kind": "resnet50"}`), `model.kind: unknown kind "resnet50", want one of gaussian, mixture, dataset, digits, digitsnet`},
		{withModel(`{"kind": "gaussian", "weights": [1]}`), `model: unknown field "weights", want one of kind, mean, variance, variances, covariance`},
		{withModel(`{"kind": "gaussian", "variance": 1}`), `model.mean: missing, want a list of numbers`},
		{withModel(`{"kind": "gaussian", "mean": 0, "variance": 1}`), `model.mean: 0: want a list of numbers`},
		{withModel(`{"kind": "gaussian", "mean": [], "variance": 1}`), `model.mean: an empty list: want a list of numbers`},
		{withModel(`{"kind": "gaussian", "mean": [[0]], "variance": 1}`), `model.mean[0]: a list: want a number`},
		{withModel(`{"kind": "gaussian", "mean": [1e400], "variance": 1}`), `model.mean[0]: 1e400: want a number from -1e+100 to 1e+100`},
		{withModel(`{"kind": "gaussian", "mean": [0]}`), `model: want one of variance, variances, covariance`},
		{withModel(`{"kind": "gaussian", "mean": [0], "variance": 1, "covariance": [[1]]}`), `model: variance and covariance are both given, want one of them`},
		{withModel(`{"kind": "gaussian", "mean": [0], "variance": -0.1}`), `model.variance: -0.1: want a positive number`},
		{withModel(`{"kind": "gaussian", "mean": [0], "variance": 1e-999}`), `model.variance: 1e-999: want a positive number`},
		{withModel(`{"kind": "gaussian", "mean": [0, 0], "variances": [1]}`), `model.variances: length 1, want 2`},
		{withModel(`{"kind": "gaussian", "mean": [0, 0], "variances": [1, 0]}`), `model.variances[1]: 0: want a positive number`},
		{withModel(`{"kind": "gaussian", "mean": [0, 0], "covariance": [1, 1]}`), `model.covariance[0]: 1: want a list of numbers`},
		{withModel(`{"kind": "gaussian", "mean": [0, 0], "covariance": [[1, 0]]}`), `model.covariance: length 1, want 2`},
		{withModel(`{"kind": "gaussian", "mean": [0, 0], "covariance": [[1, 0], [0, 1, 0]]}`), `model.covariance[1]: length 3, want 2`},
		{withModel(`{"kind": "gaussian", "mean": [0, 0], "covariance": [[1, 0.2], [0.1, 1]]}`), `model.covariance: not symmetric: [1][0] is 0.1 and [0][1] is 0.2`},
		{withModel(`{"kind": "gaussian", "mean": [0, 0], "covariance": [[1, 2], [2, 1]]}`), `model.covariance: not positive definite: the least eigenvalue is -1`},
		{withModel(`{"kind": "gaussian", "mean": [0, 0], "covariance": [[0, 0], [0, 1]]}`), `model.covariance: not positive definite: the least eigenvalue is 0`},

		// Two scales in one matrix, on which gonum's values-only decomposition panics.
		{withModel(`{"kind": "gaussian", "mean": [0, 0, 0], "covariance": [[1, 0, 0], [0, 1e-160, 2e-160], [0, 2e-160, 1e-160]]}`),
			`model.covariance: not positive definite: the least eigenvalue is -1e-160`},

		{withModel(`{"kind": "mixture", "means": [[0]], "variances": 1}`), `model.weights: missing, want a list of numbers`},
		{withModel(`{"kind": "mixture", "weights": [], "means": [], "variances": 1}`), `model.weights: an empty list: want a list of numbers`},
		{withModel(`{"kind": "mixture", "weights": [0.3, 0.6], "means": [[0], [1]], "variances": 1}`), `model.weights: they add up to 0.8999999999999999, want 1`},
		{withModel(`{"kind": "mixture", "weights": [1.5, -0.5], "means": [[0], [1]], "variances": 1}`), `model.weights[1]: -0.5: want a positive number`},
		{withModel(`{"kind": "mixture", "weights": [1], "means": [0], "variances": 1}`), `model.means[0]: 0: want a list of numbers`},
		{withModel(`{"kind": "mixture", "weights": [0.5, 0.5], "means": [[0, 1], [1, 2, 3]], "variances": 1}`), `model.means[1]: length 3, want 2`},
		{withModel(`{"kind": "mixture", "weights": [0.5, 0.5], "means": [[0, 1]], "variances": 1}`), `model.means: length 1, want 2`},
		{withModel(mixture + `"variance": 1}`), `model: unknown field "variance", did you mean "variances"?`},
		{withModel(mixture + `"variances": 1, "covariances": []}`), `model: variances and covariances are both given, want one of them`},
		{withModel(mixture + `"variances": "1"}`), `model.variances: "1": want a positive number`},
		{withModel(mixture + `"variances": []}`), `model.variances: an empty list: want a list of numbers`},
		{withModel(mixture + `"variances": [1, 2, 3]}`), `model.variances: length 3, want 2`},
		{withModel(mixture + `"variances": [0.1, -0.2]}`), `model.variances[1]: -0.2: want a positive number`},
		{withModel(mixture + `"variances": [[0.1, 0.1], [-0.1, 0.1]]}`), `model.variances[1][0]: -0.1: want a positive number`},
		{withModel(mixture + `"variances": [[0.1, 0.1], 0.1]}`), `model.variances[1]: 0.1: want a list of numbers`},
		{withModel(mixture + `"variances": [0.1, [0.1, 0.1]]}`), `model.variances[1]: a list: want a positive number`},
		{withModel(mixture + `"variances": [[0.1, 0.1], [0.1]]}`), `model.variances[1]: length 1, want 2`},
		{withModel(mixture + `"covariances": 1}`), `model.covariances: 1: want a list of covariances`},
		{withModel(mixture + `"covariances": [[[1, 0], [0, 1]]]}`), `model.covariances: length 1, want 2`},
		{withModel(mixture + `"covariances": [[[1, 0], [0, 1]], [[1, 2], [2, 4]]]}`), `model.covariances[1]: not positive definite: the least eigenvalue is 0`},
		{withModel(mixture + `"covariances": [[[1, 0], [0, 1]], [[1, 0], [false, 4]]]}`), `model.covariances[1][1][0]: false: want a number`},

		{withModel(`{"kind": "dataset", "file": "x.npy"}`), `model.bandwidth: missing, want a number not below 0`},
		{withModel(`{"kind": "dataset", "bandwidth": 0.1}`), `model.file: missing, want a string`},
		{withModel(`{"kind": "dataset", "file": ["x.npy"], "bandwidth": 0.1}`), `model.file: a list: want a string`},
		{withModel(`{"kind": "dataset", "file": "", "bandwidth": 0.1}`), `model.file: "": want the path of a .npy or .csv file`},
		{withModel(`{"kind": "dataset", "file": "a\nb.csv", "bandwidth": 0.1}`), `model.file: "a\nb.csv": want the path of a .npy or .csv file`},
		{withModel(`{"kind": "dataset", "file": "x.txt", "bandwidth": 0.1}`), `model.file: DIR/x.txt: want a file that ends in .npy or .csv`},
		{withModel(`{"kind": "dataset", "file": "x.npy", "bandwidth": 0.1}`), `model.file: DIR/x.npy: no such file or directory`},
		{withModel(`{"kind": "dataset", "file": "words.csv", "bandwidth": 0.1}`), `model.file: DIR/words.csv: line 2, column 2: "four": want a finite number`},
		{`{"model": {"kind": "digitsnet", "labels": [3, 11]}}`, `model.labels[1]: 11: want a whole number from 0 to 10`},
		{`{"model": {"kind": "digitsnet", "labels": [1.5]}}`, `model.labels[0]: 1.5: want a whole number from 0 to 10`},
		{`{"model": {"kind": "digitsnet", "labels": []}}`, `model.labels: an empty list: want a list of numbers`},
		{`{"model": {"kind": "digitsnet", "guidance": -1}}`, `model.guidance: -1: want a number not below 0`},
		{`{"model": {"kind": "digitsnet", "scale": 2}}`, `model: unknown field "scale", want one of kind, labels, guidance`},
		{`{"model": {"kind": "digitsnet"}, "schedule": {"kind": "edm"}}`, `schedule: times from 0.002 to 80, the network was trained for those from 0.001 to 1`},
		{`{"model": {"kind": "digitsnet"}, "schedule": {"kind": "vpcosine"}}`, `schedule: at time 0.001 alpha is 1 and lambda 5.047, the network was trained for 0.9999 and 4.605`},
		{`{"model": {"kind": "digitsnet"}, "schedule": {"kind": "vplinear", "t_min": 1e-4}}`, `schedule: times from 0.0001 to 1, the network was trained for those from 0.001 to 1`},
		{`{"model": {"kind": "digitsnot"}}`, `schedule: missing, want an object`},
		{withModel(`{"kind": "digits", "bandwidth": -1}`), `model.bandwidth: -1: want a number not below 0`},
		{withModel(`{"kind": "digits", "bandwidth": 1e160}`), `model.bandwidth: 1e160: want a number from -1e+100 to 1e+100`},
		{withModel(`{"kind": "digits", "path": "digits.npy"}`), `model: unknown field "path", want one of kind, bandwidth`},
	}
	for _, test := range tests {
		want := "p.json: " + strings.ReplaceAll(test.want, "DIR", dir)
		p, err := problem.Read("p.json", []byte(test.text), dir)
		switch {
		case err == nil:
			t.Errorf("Read(%s) = %v, want the error %q", test.text, p, want)
		case err.Error() != want:
			t.Errorf("Read(%.200s) =\n\t%v, want\n\t%s", test.text, err, want)
		}
	}
}

func TestReadErrorsWrap(t *testing.T) {
	tests := []struct {
		text string
		want error
	}{
		{`{"modle": {}}`, solvers.ErrUnknown},
		{withModel(`{"kind": "gausian"}`), solvers.ErrUnknown},
		{withModel(`{"kind": "dataset", "file": "none.npy", "bandwidth": 1}`), os.ErrNotExist},
	}
	for _, test := range tests {
		if _, err := problem.Read("p", []byte(test.text), t.TempDir()); !errors.Is(err, test.want) {
			t.Errorf("Read(%s) = %v, want an error that is %v", test.text, err, test.want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file("cloud.csv", "0,0\n1,1\n2,0\n")
	good := file("two words.json", withModel(`{"kind": "dataset", "file": "cloud.csv", "bandwidth": 0.1}`))
	bad := file("bad.json", `{"schedule": []}`)

	p, err := problem.Load(good)
	if err != nil {
		t.Fatal(err)
	}
	if want := "two words"; p.Name != want || p.Dim != 2 {
		t.Errorf("Load(%q) has name %q and dimension %d, want %q and 2", good, p.Name, p.Dim, want)
	}
	for path, want := range map[string]string{
		bad:                             bad + ": schedule: an empty list: want an object",
		dir:                             dir + ": is a directory",
		filepath.Join(dir, "none.json"): filepath.Join(dir, "none.json") + ": no such file or directory",
	} {
		if _, err := problem.Load(path); err == nil || err.Error() != want {
			t.Errorf("Load(%q) = %v, want %s", path, err, want)
		}
	}
}

// FuzzRead demands that no text makes Read panic, that complaints are one short line that begins with the
// name, and that what is accepted can be used.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data.csv"), []byte("1,2\n3,4\n5,7\n"), 0o644); err != nil {
		f.Fatal(err)
	}
	for _, schedule := range []string{
		`{"kind": "vplinear", "beta_min": 0.1, "beta_max": 20, "t_min": 0.001, "t_max": 1}`,
		`{"kind": "vpcosine", "t_min": 0.001, "t_max": 0.99}`,
		`{"kind": "ddpm", "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 10}`,
		`{"kind": "ddpm", "beta_schedule": "squaredcos_cap_v2"}`,
		`{"kind": "ddpm", "trained_betas": [0.1, 0.2]}`,
		`{"kind": "subvp", "beta_min": 0.1, "beta_max": 20}`,
		`{"kind": "ve", "sigma_min": 0.01, "sigma_max": 50}`,
		`{"kind": "edm", "sigma_min": 0.002, "sigma_max": 80}`,
		`{"kind": "flow", "t_min": 1e-3, "t_max": 0.999}`,
		`{"kind": "trigflow", "t_min": 1e-3, "t_max": 1.5}`,
	} {
		f.Add([]byte(withSchedule(schedule)))
	}
	for _, model := range []string{
		`{"kind": "gaussian", "mean": [0, 1], "variance": 1e-3}`,
		`{"kind": "gaussian", "mean": [0, 1], "variances": [1, 2]}`,
		`{"kind": "gaussian", "mean": [0, 1], "covariance": [[1, 0.5], [0.5, 2]]}`,
		`{"kind": "gaussian", "mean": [0, 0, 0], "covariance": [[1, 0, 0], [0, 1e-160, 2e-160], [0, 2e-160, 1e-160]]}`,
		`{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2, 0], [0.8, 1]], "variances": [0.1, 0.2]}`,
		`{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2, 0], [0.8, 1]], "variances": [[0.1, 0.2], [0.3, 0.4]]}`,
		`{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2], [0.8]], "covariances": [[[0.1]], [[0.2]]]}`,
		`{"kind": "dataset", "file": "data.csv", "bandwidth": 0.1}`,
	} {
		f.Add([]byte(withModel(model)))
	}
	f.Add([]byte(`{"about": "\ud800\n", "model": {"kind": null}, "schedule": [1e999, -0, [[]]]}`))

	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := problem.Read("p.json", text, dir)
		if err != nil {
			if message := err.Error(); !strings.HasPrefix(message, "p.json: ") || strings.ContainsAny(message, "\r\n") || len(message) > 1000+len(dir) {
				t.Errorf("Read(%q) = %q, want one short line", text, message)
			}
			return
		}
		tmin, tmax := p.Schedule.Domain()
		if !(tmin < tmax) {
			t.Errorf("Read(%q): domain [%v, %v]", text, tmin, tmax)
		}
		x, eps := make([]float64, 2*p.Dim), make([]float64, 2*p.Dim)
		for _, time := range []float64{tmin, tmax} {
			if err := p.Model.Predict(eps, x, time); err != nil {
				t.Errorf("Read(%q): Predict: %v", text, err)
			}
		}
		again, err := problem.Read("p.json", slices.Clone(text), dir)
		if err != nil || again.Dim != p.Dim {
			t.Errorf("Read(%q) a second time: %v", text, err)
		}
	})
}
