// Package study measures solvers: equivalences on coefficients, observed orders, and
// error against the number of model evaluations.
package study

import (
	"github.com/diffsolve/diffsolve/bench/quality"
	"github.com/diffsolve/diffsolve/solvers"
)

// Results is what the study finds. Its parts are the JSON documents of the command line.
type Results struct {
	Seconds      float64       `json:"seconds"`
	Equivalences []Equivalence `json:"equivalences"`
	Orders       []Order       `json:"orders"`
	Comparisons  []Comparison  `json:"comparisons"`
	Controlled   []Comparison  `json:"controlled"` // a few solvers under error control, and the same on grids, from fewer initial states
	Warnings     []string      `json:"warnings"`

	// What the report draws, and the JSON leaves out.
	Tables  []*solvers.Coefficients `json:"-"` // DDIM and Euler in kappa, which agree, then Euler in time, which does not
	Samples []Samples               `json:"-"`
}

// Equivalence says how far the coefficient tables of two solvers are apart.
type Equivalence struct {
	A          string   `json:"a"`
	B          string   `json:"b"`
	Grid       string   `json:"grid"`
	Steps      int      `json:"steps"`
	Difference float64  `json:"max_coefficient_difference"` // largest, each relative to the largest coefficient of its row
	Claim      string   `json:"claim"`                      // "identical" or "converges"
	Observed   *float64 `json:"observed_order"`             // order at which the difference vanishes; null where the claim is identity
	Holds      bool     `json:"holds"`
}

// Order is the observed order of a solver on a problem.
type Order struct {
	Solver    string    `json:"solver"`
	Problem   string    `json:"problem"`
	Kind      string    `json:"kind"` // "ode", "weak" or "strong"
	Claimed   float64   `json:"claimed"`
	Observed  *float64  `json:"observed"` // slope of the fit; null if fewer than three rungs are above rounding
	Steps     []int     `json:"steps"`
	Errors    []float64 `json:"errors"`
	Certified bool      `json:"certified"`
}

// Comparison is the error of a solver on a problem at one number of evaluations. A
// figure that does not apply is null.
type Comparison struct {
	Problem       string   `json:"problem"`
	Solver        string   `json:"solver"`
	Grid          string   `json:"grid"`
	NFE           int      `json:"nfe"` // the evaluations that were made, at most the budget
	Budget        int      `json:"budget"`
	Steps         int      `json:"steps"`
	RMSE          *float64 `json:"rmse"`         // against the exact or the converged solution from the same noise
	Median        *float64 `json:"median_error"` // over the samples, each with its RMSE; a sample that ends in another basin does not count for all
	W2            *float64 `json:"w2"`           // of the law of the samples from the data's, exact
	MeanError     *float64 `json:"mean_error"`
	VarianceError *float64 `json:"variance_error"`
	PathError     *float64 `json:"path_error"` // of a stochastic solver, root mean square: from itself with many more steps on the same Brownian path; of Paths alone
	Seconds       float64  `json:"seconds"`
	Nanoseconds   *float64 `json:"ns_per_element_step"`
	Inversion     *float64 `json:"inversion_error"` // of the round trip from data to noise and back; null unless asked for

	// ReferenceError is how well the converged solution is known; null if it is exact or there is no RMSE. A smaller RMSE or Median
	// could not be told from none, and is reported as ReferenceError.
	ReferenceError *float64 `json:"reference_error"`

	// Quality compares the law of the samples with that of the real data; null if it was not asked for or there are no real data.
	Quality *quality.Measures `json:"quality"`

	// Of a run under error control, whose Grid is "adaptive", with the step rule if that is not the default, and whose Budget is 0. NFE is then the mean over the samples, rounded up;
	// Steps and Rejected are those of the sample that took the most evaluations.
	Tolerance *float64 `json:"tolerance"` // relative and absolute; null on a grid
	Rejected  *int     `json:"rejected"`  // rejected steps; null on a grid
}

// Samples is a few samples of a solver, for a picture.
type Samples struct {
	Problem string
	Solver  string
	Budget  int // evaluations allowed; 0 for the converged reference
	NFE     int // evaluations made
	Side    int // pictures are Side × Side, values from -1 to 1
	X       []float64
}
