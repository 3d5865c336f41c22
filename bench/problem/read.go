package problem

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/scoremodel/digitsnet"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Reader finds and reads problems. The zero value knows the kinds of models that Read lists. It is safe for concurrent use if
// its Kinds are.
type Reader struct {
	Kinds []Kind // more kinds of models, whose names are new
}

// A Kind is a kind of models that a program adds to those of this package, such as networks that need a library to run.
type Kind struct {
	Name   string   // the value of "kind"
	Fields []string // the other members that the object may have

	// Read returns the model that t, the object, describes, under the schedule s. Files are found from the folder dir; see Tree.Path.
	// Complaints about members go to the Tree, and what it then returns does not matter. An error is one about the whole object.
	Read func(t Tree, s sde.Schedule, dir string) (Network, error)
}

// A Network is the model of a problem, as a Kind reads it.
type Network struct {
	Model     scoremodel.Model
	Dim       int // elements of one sample
	ImageSide int // as of Problem, as are the next two
	Single    bool
	Class     func(i int) (class int, ok bool)

	// Relabel returns the network told other classes, of which there is one or more; see Problem.WithLabels. It is nil if the network is told none.
	Relabel func(labels []int) (Network, error)
}

// elsewhere lists the kinds of models that other commands of this project have.
var elsewhere = map[string]string{
	"onnx": "this command runs no ONNX networks, the one that does is: go run ./scoremodel/onnx/...",
}

// Find is Find of a Reader without more kinds.
func Find(text string) (*Problem, error) { return Reader{}.Find(text) }

// Load is Load of a Reader without more kinds.
func Load(path string) (*Problem, error) { return Reader{}.Load(path) }

// Read is Read of a Reader without more kinds.
func Read(name string, text []byte, dir string) (*Problem, error) {
	return Reader{}.Read(name, text, dir)
}

// Find returns the built-in problem with the given name, or reads the JSON file that text is the path of:
// one that ends in .json, has a folder in it, or exists. The error of an unknown name wraps solvers.ErrUnknown.
func (r Reader) Find(text string) (*Problem, error) {
	p, err := Builtin(text)
	if !errors.Is(err, solvers.ErrUnknown) {
		return p, err
	}
	isPath := filepath.Ext(text) == ".json" || strings.ContainsAny(text, "/"+string(filepath.Separator))
	if _, err := os.Stat(text); err == nil || isPath {
		return r.Load(text)
	}
	return nil, fmt.Errorf("%w (a problem may also be a .json file)", err)
}

// Load reads a problem from a JSON file, as Read does. Its name is that of the file, without folder and
// extension; data files are found from the folder of the file.
func (r Reader) Load(path string) (*Problem, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	p, err := r.Read(path, text, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	p.Name = strings.TrimSuffix(base, filepath.Ext(base))
	return p, nil
}

// Read returns the problem that a JSON text describes: an object with a "schedule", a "model" and,
// if wanted, an "about". The "kind" of either says which other members it has; those in brackets may be left out.
//
//	schedule    members
//	vplinear    [beta_min 0.1] [beta_max 20] [t_min 1e-3] [t_max 1]        see sde.VP
//	vpcosine    [t_min 1e-3] [t_max 0.9946]                                see sde.Cosine
//	ddpm        [beta_schedule linear] [num_train_timesteps 1000] and, unless the former is
//	            squaredcos_cap_v2, [beta_start 1e-4] [beta_end 0.02]; scaled_linear is the third
//	            beta_schedule. Or trained_betas alone, a list.             see sde.Discrete
//	subvp       as vplinear                                                see sde.SubVP
//	ve          [sigma_min 0.01] [sigma_max 50]                            see sde.VE
//	edm         [sigma_min 0.002] [sigma_max 80]                           see sde.EDM
//	flow        [t_min 1e-3] [t_max 0.999]                                 see sde.Flow
//	trigflow    [t_min arctan 0.004] [t_max arctan 160]                    see sde.TrigFlow
//
//	model       members
//	gaussian    mean, a list, and one of variance, a number; variances, a list; covariance, a list of rows
//	mixture     weights, a list that adds up to 1; means, a list of lists; and one of covariances, a list of
//	            lists of rows, or variances: a number, one per component, or a list of one per dimension for each
//	dataset     file, a matrix of one sample per row (see ReadMatrix) relative to the folder dir; bandwidth
//	digits      [bandwidth 0.15]                                           see scoremodel.Digits
//	digitsnet   [labels], a list of digits, 10 for none, that the rows have in turn; [guidance 1], the scale of classifier-free
//	            guidance. The schedule may be left out: it is then the one of training. see digitsnet.New
//
// and those of the Reader's Kinds.
//
// Numbers are from -1e100 to 1e100. A covariance may differ from its mirror image by rounding, 1e-9 of its largest entry:
// then Read takes the mean of the two.
//
// The error of a bad text is one line that begins with name and the path to the fault, such as
//
//	problem.json: model.variances[1][0]: -0.1: want a positive number
//
// Unknown members are errors, and those of unknown names wrap solvers.ErrUnknown.
func (r Reader) Read(name string, text []byte, dir string) (*Problem, error) {
	root, err := parse(name, text)
	if err != nil {
		return nil, err
	}
	root.only("schedule", "model", "about")
	about := ""
	if a := root.field("about"); a.given() {
		about = a.text()
	}
	var scheduleKind string
	var schedule sde.Schedule
	if given := root.field("schedule"); !given.given() && kindIs(root.field("model"), "digitsnet") {
		scheduleKind, schedule = "ddpm", digitsnet.New().Schedule()
	} else {
		scheduleKind, schedule = readSchedule(given)
	}
	modelKind, model := readModel(root.field("model"), schedule, dir, r.Kinds)
	if root.failed() {
		return nil, root.doc.err
	}
	if about == "" {
		about = fmt.Sprintf("%s, dimension %d, %s schedule", modelKind, model.Dim(), scheduleKind)
	}
	p := New(name, about, schedule, model)
	if modelKind == "digits" || modelKind == "digitsnet" {
		p.addDigits()
	}
	return p, nil
}

// kindIs reports whether n is an object of the given kind. It complains of nothing.
func kindIs(n *node, kind string) bool {
	members, _ := n.value.(object)
	return slices.ContainsFunc(members, func(m *node) bool { return m.key == "kind" && m.value == kind })
}

// A kind is one of the forms of an object: the value of its member "kind", the other members, and what reads them.
type kind[Reader any] struct {
	name   string
	fields []string
	read   Reader
}

// kindOf returns the form of n, after a check that it has no other members.
func kindOf[Reader any](n *node, kinds []kind[Reader]) kind[Reader] {
	var names []string
	members := []string{"kind"}
	for _, k := range kinds {
		names = append(names, k.name)
		members = append(members, k.fields...)
	}
	field := n.field("kind")
	if !field.given() { // perhaps because it is misspelt
		n.only(members...)
	}
	if text, _ := field.value.(string); elsewhere[text] != "" && !slices.Contains(names, text) {
		field.complain(fmt.Errorf("%w: %q: %s", solvers.ErrUnknown, text, elsewhere[text]))
	}
	name := field.choice(names...)
	if n.failed() {
		return kind[Reader]{}
	}
	k := kinds[slices.Index(names, name)]
	n.only(append([]string{"kind"}, k.fields...)...)
	return k
}

var scheduleKinds = []kind[func(n *node) sde.Schedule]{
	{"vplinear", []string{"beta_min", "beta_max", "t_min", "t_max"}, readVP},
	{"vpcosine", []string{"t_min", "t_max"}, readCosine},
	{"ddpm", []string{"beta_schedule", "beta_start", "beta_end", "num_train_timesteps", "trained_betas"}, readDDPM},
	{"subvp", []string{"beta_min", "beta_max", "t_min", "t_max"}, readSubVP},
	{"ve", []string{"sigma_min", "sigma_max"}, readVE},
	{"edm", []string{"sigma_min", "sigma_max"}, readEDM},
	{"flow", []string{"t_min", "t_max"}, readFlow},
	{"trigflow", []string{"t_min", "t_max"}, readTrigFlow},
}

func readSchedule(n *node) (name string, s sde.Schedule) {
	k := kindOf(n, scheduleKinds)
	if n.failed() {
		return "", nil
	}
	s = k.read(n)
	if n.failed() {
		return "", nil
	}
	// Extreme parameters may leave no signal or no noise that float64 can hold.
	tmin, tmax := s.Domain()
	for _, t := range []float64{tmin, tmax} {
		if p := s.At(t); !(p.Alpha > 0 && p.Sigma > 0 && p.G2() < math.Inf(1)) {
			n.complain(fmt.Errorf("at time %v alpha is %v, sigma %v and g² %v, want positive, finite numbers", t, p.Alpha, p.Sigma, p.G2()))
		}
	}
	return k.name, s
}

func readVP(n *node) sde.Schedule {
	v := readBetaRange(n)
	n.complain(v.Check())
	return v
}

func readSubVP(n *node) sde.Schedule {
	v := sde.SubVP(readBetaRange(n))
	n.complain(v.Check())
	return v
}

// readBetaRange spells the defaults out: in sde.VP they are written as 0, but a 0 in the text is a 0.
func readBetaRange(n *node) sde.VP {
	tmin, tmax := sde.VP{}.Domain()
	v := sde.VP{
		BetaMin: n.field("beta_min").numberOr(0.1, notNegative),
		BetaMax: n.field("beta_max").numberOr(20, positive),
	}
	v.TMin, v.TMax = readTimes(n, tmin, tmax, positive)
	return v
}

func readCosine(n *node) sde.Schedule {
	var c sde.Cosine
	tmin, tmax := c.Domain()
	c.TMin, c.TMax = readTimes(n, tmin, tmax, fraction)
	n.complain(c.Check())
	return c
}

func readVE(n *node) sde.Schedule {
	var v sde.VE
	v.SigmaMin, v.SigmaMax = readRange(n, "sigma_min", "sigma_max", 0.01, 50, positive)
	n.complain(v.Check())
	return v
}

func readEDM(n *node) sde.Schedule {
	var e sde.EDM
	lo, hi := e.Domain()
	e.SigmaMin, e.SigmaMax = readRange(n, "sigma_min", "sigma_max", lo, hi, positive)
	n.complain(e.Check())
	return e
}

// readFlow refuses t_max 1, which sde.Flow allows: the models that a problem can have predict noise, which
// does not give the data where there is nothing else.
func readFlow(n *node) sde.Schedule {
	var f sde.Flow
	tmin, tmax := f.Domain()
	f.TMin, f.TMax = readTimes(n, tmin, tmax, fraction)
	n.complain(f.Check())
	return f
}

func readTrigFlow(n *node) sde.Schedule {
	var f sde.TrigFlow
	tmin, tmax := f.Domain()
	f.TMin, f.TMax = readTimes(n, tmin, tmax, positive)
	n.complain(f.Check())
	return f
}

// readTimes reads t_min and t_max, given their defaults.
func readTimes(n *node, tmin, tmax float64, d demand) (float64, float64) {
	return readRange(n, "t_min", "t_max", tmin, tmax, d)
}

// readRange reads two numbers, the first below the second, given their keys and defaults.
func readRange(n *node, low, high string, lo, hi float64, d demand) (float64, float64) {
	lo = n.field(low).numberOr(lo, d)
	hi = n.field(high).numberOr(hi, d)
	if lo >= hi {
		n.complain(fmt.Errorf("%s is %v and %s is %v, want %s below %s", low, lo, high, hi, low, high))
	}
	return lo, hi
}

// maxBetas is well above the longest tables in use, 4000 betas, and well below what exhausts the memory.
const maxBetas = 1_000_000

func readDDPM(n *node) sde.Schedule {
	betas := readBetas(n)
	if n.failed() {
		return nil
	}
	s, err := sde.NewDiscrete(betas)
	n.complain(err)
	return s
}

func readBetas(n *node) []float64 {
	var (
		form  = n.field("beta_schedule")
		start = n.field("beta_start")
		end   = n.field("beta_end")
		steps = n.field("num_train_timesteps")
	)
	if table := n.field("trained_betas"); table.given() {
		for _, other := range []*node{form, start, end, steps} {
			other.forbid("with trained_betas")
		}
		return table.numbers(0, fraction)
	}
	shape := "linear"
	if form.given() {
		shape = form.choice("linear", "scaled_linear", "squaredcos_cap_v2")
	}
	count := int(steps.numberOr(1000, whole(2, maxBetas)))
	if shape == "squaredcos_cap_v2" {
		start.forbid("with squaredcos_cap_v2")
		end.forbid("with squaredcos_cap_v2")
		return sde.SquaredCosineBetas(count)
	}
	b0, b1 := start.numberOr(1e-4, fraction), end.numberOr(0.02, fraction)
	if shape == "scaled_linear" {
		return sde.ScaledLinearBetas(count, b0, b1)
	}
	return sde.LinearBetas(count, b0, b1)
}

// A model is what New takes.
type model interface {
	scoremodel.Model
	Dim() int
}

// network is the model of a Kind.
type network struct{ Network }

func (n network) Kind() scoremodel.Kind { return n.Network.Model.Kind() }
func (n network) Predict(dst, x []float64, t float64) error {
	return n.Network.Model.Predict(dst, x, t)
}
func (n network) Dim() int { return n.Network.Dim }

type modelKind = kind[func(n *node, s sde.Schedule, dir string) (model, error)]

var modelKinds = []modelKind{
	{"gaussian", []string{"mean", "variance", "variances", "covariance"}, readGaussian},
	{"mixture", []string{"weights", "means", "variances", "covariances"}, readMixture},
	{"dataset", []string{"file", "bandwidth"}, readDataset},
	{"digits", []string{"bandwidth"}, readDigits},
	{"digitsnet", []string{"labels", "guidance"}, readDigitsNet},
}

func readModel(n *node, s sde.Schedule, dir string, more []Kind) (name string, m model) {
	kinds := slices.Clone(modelKinds)
	for _, k := range more {
		kinds = append(kinds, modelKind{k.Name, k.Fields, func(n *node, s sde.Schedule, dir string) (model, error) {
			read, err := k.Read(Tree{n}, s, dir)
			return network{read}, err
		}})
	}
	k := kindOf(n, kinds)
	if n.failed() {
		return "", nil
	}
	m, err := k.read(n, s, dir)
	n.complain(err)
	return k.name, m
}

func readGaussian(n *node, s sde.Schedule, _ string) (model, error) {
	c := scoremodel.Component{Mean: n.field("mean").numbers(0, anyNumber)}
	dim := len(c.Mean)
	switch f := n.oneOf("variance", "variances", "covariance"); f.key {
	case "variance":
		c.Variance = f.number(positive)
	case "variances":
		c.Variances = f.numbers(dim, positive)
	case "covariance":
		c.Covariance = readCovariance(f, dim)
	}
	if n.failed() {
		return nil, nil
	}
	return scoremodel.NewGaussian(s, c)
}

func readMixture(n *node, s sde.Schedule, _ string) (model, error) {
	weights := n.field("weights").numbers(0, positive)
	total := 0.0
	for _, w := range weights {
		total += w
	}
	if !(math.Abs(total-1) <= 1e-9) { // as NewMixture
		n.field("weights").complain(fmt.Errorf("they add up to %v, want 1", total))
	}
	means := n.field("means").matrix(len(weights), 0, anyNumber)
	spread := n.oneOf("variances", "covariances")
	if n.failed() {
		return nil, nil
	}
	components := make([]scoremodel.Component, len(weights))
	for k := range components {
		components[k] = scoremodel.Component{Weight: weights[k], Mean: means[k]}
	}
	if spread.key == "variances" {
		readVariances(spread, components)
	} else {
		for k, f := range spread.items(len(components), "a list of covariances") {
			components[k].Covariance = readCovariance(f, len(means[k]))
		}
	}
	if n.failed() {
		return nil, nil
	}
	return scoremodel.NewMixture(s, components...)
}

// readVariances sets the variances of the components in the form that the text has: a number, one per
// component, or one per component and dimension.
func readVariances(n *node, components []scoremodel.Component) {
	items, ok := n.value.(list)
	if !ok {
		v := n.number(positive)
		for k := range components {
			components[k].Variance = v
		}
		return
	}
	nested := false
	if len(items) > 0 {
		_, nested = items[0].value.(list)
	}
	if nested {
		for k, row := range n.matrix(len(components), len(components[0].Mean), positive) {
			components[k].Variances = row
		}
		return
	}
	for k, v := range n.numbers(len(components), positive) {
		components[k].Variance = v
	}
}

// readCovariance reads a symmetric, positive definite matrix of dim rows.
func readCovariance(n *node, dim int) mat.Symmetric {
	rows := n.matrix(dim, dim, anyNumber)
	if n.failed() {
		return nil
	}
	largest := 0.0
	for _, row := range rows {
		for _, v := range row {
			largest = max(largest, math.Abs(v))
		}
	}
	c := mat.NewSymDense(dim, nil)
	for i := range dim {
		for j := range i + 1 {
			below, above := rows[i][j], rows[j][i]
			if math.Abs(below-above) > 1e-9*largest {
				n.complain(fmt.Errorf("not symmetric: [%d][%d] is %v and [%d][%d] is %v", i, j, below, j, i, above))
			}
			c.SetSym(i, j, below/2+above/2)
		}
	}
	var cholesky mat.Cholesky // the cheapest test
	if !n.failed() && !cholesky.Factorize(c) {
		complaint := "not positive definite"
		var eigen mat.EigenSym
		// Note: without the vectors, gonum v0.17 panics on a block of entries below 1e-122 of the largest.
		if eigen.Factorize(c, true) {
			complaint += fmt.Sprintf(": the least eigenvalue is %.3g", eigen.Values(nil)[0])
		}
		n.complain(errors.New(complaint))
	}
	return c
}

func readDataset(n *node, s sde.Schedule, dir string) (model, error) {
	width := n.field("bandwidth").number(notNegative)
	file := n.field("file")
	path := file.pathFrom(dir, "the path of a .npy or .csv file")
	if n.failed() {
		return nil, nil
	}
	samples, _, dim, err := ReadMatrix(path)
	if err != nil {
		file.complain(err)
		return nil, nil
	}
	m, err := scoremodel.NewDataset(s, samples, dim, width)
	return dataset{m, samples}, err
}

// dataset is an ideal denoiser with the samples that it denoises to.
type dataset struct {
	*scoremodel.Mixture
	samples []float64
}

// pathFrom returns the path that n is, which begins in the folder dir if it is relative.
func (n *node) pathFrom(dir, want string) string {
	path := n.text()
	if path == "" || strings.ContainsFunc(path, unicode.IsControl) {
		n.want(want)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return path
}

func readDigits(n *node, s sde.Schedule, _ string) (model, error) {
	width := n.field("bandwidth").numberOr(0.15, notNegative)
	if n.failed() {
		return nil, nil
	}
	images, _ := scoremodel.Digits()
	return scoremodel.NewDataset(s, images, scoremodel.DigitSide*scoremodel.DigitSide, width)
}
