package sde_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/sde"
)

// The errors on normal data, exact and without a random number, and their local orders from 256 to 512 steps. The figures are those of
// another implementation, which gave nine digits.
func TestTableauErrors(t *testing.T) {
	for _, test := range []struct {
		tab    sde.Tableau
		of32   moments
		of128  moments
		orders moments
	}{
		{sde.StochasticHeun, moments{Strong: .0289340112, Mean: .00146411431, Variance: .00204046969},
			moments{Strong: .00750730867, Mean: 9.64710786e-5, Variance: 1.22285189e-4}, moments{Strong: .999, Mean: 1.995, Variance: 2.01}},
		// On a nonlinear score the variance converges with order 1.
		{sde.StochasticMidpoint, moments{Strong: .0285625098, Mean: 3.41134711e-4, Variance: .0022621471},
			moments{Strong: .00749043188, Mean: 2.2003034e-5, Variance: 1.28195737e-4}, moments{Strong: .998, Mean: 1.997, Variance: 2.01}},
		{sde.SEA, moments{Strong: .078281294, Mean: .0183187977, Variance: .0644015599},
			moments{Strong: .0196255191, Mean: .00462820035, Variance: .0167166338}, moments{Strong: .999, Mean: .998, Variance: .995}},
		{sde.SRA1, moments{Strong: .00789742162, Mean: 9.291783e-4, Variance: .0020508935},
			moments{Strong: 6.85095266e-4, Mean: 5.95910148e-5, Variance: 1.29004727e-4}, moments{Strong: 1.97, Mean: 1.997, Variance: 1.99}},
		{sde.SRA2, moments{Strong: .00687135203, Mean: 9.291783e-4, Variance: 8.78248621e-4},
			moments{Strong: 5.35700902e-4, Mean: 5.95910148e-5, Variance: 6.77151281e-5}, moments{Strong: 1.99, Mean: 1.997, Variance: 1.98}},
		{sde.SRA3, moments{Strong: .00801148421, Mean: 1.55117075e-4, Variance: .00386936483},
			moments{Strong: 6.93779272e-4, Mean: 2.35674141e-6, Variance: 2.31950765e-4}, moments{Strong: 1.97, Mean: 3.00, Variance: 2.01}},
		{sde.ShARK, moments{Strong: .0076956862, Mean: .0011137371, Variance: .00238760594},
			moments{Strong: 6.89799798e-4, Mean: 7.19643108e-5, Variance: 1.39636266e-4}, moments{Strong: 1.97, Mean: 1.996, Variance: 2.01}},
	} {
		only := cmpopts.IgnoreUnexported(moments{})
		for n, want := range map[int]moments{32: test.of32, 128: test.of128} {
			if diff := cmp.Diff(want, errorsOf(t, test.tab.Stepper, n), only, cmpopts.EquateApprox(8e-9, 0)); diff != "" {
				t.Errorf("%s, errors of %d steps (-want +got):\n%s", test.tab.Name, n, diff)
			}
		}
		if diff := cmp.Diff(test.orders, ordersOf(t, test.tab.Stepper, 256), only, cmpopts.EquateApprox(0, 0.0055)); diff != "" {
			t.Errorf("%s, orders from 256 to 512 steps (-want +got):\n%s", test.tab.Name, diff)
		}
	}
}
