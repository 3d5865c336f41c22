package ode

import (
	"fmt"
	"math"
)

// A Controller is the rule by which Control finds the length of the next step from the errors E of the
// latest three, in units of the tolerance. It is a digital filter [soderlind2003]: with the power q of
// the length with which the error vanishes,
//
//	h[n+1] = h[n] · ρ,  ρ = Safety · E[n]^(-β₀/q) · E[n-1]^(-β₁/q) · E[n-2]^(-β₂/q)
//
// with ρ kept within Control's MinFactor and MaxFactor. Before there are errors they count as 1, and as 1e-4 when
// they are less and past. A step is accepted if E ≤ 1. After a rejection ρ is Safety·E^(-1/q), whatever the gains, and the
// step that is accepted next lets no growth follow.
//
// Smooth replaces the bounds by the limiter 1 + arctan(ρ-1), which lies between 0.21 and 2.57 and has no
// corner [soderlind2006]. There ρ has no factor Safety, and E^(-1/q), limited, must be at least Safety², 0.81 by
// default, for a step to be accepted [ranocha2022]: one may be too long by a quarter. A rejected length is multiplied by just that number.
//
// Note: [ranocha2022] compares the limited ρ of the whole filter. Weak gains never let that fall: a filter as slow as H312PID
// was seen to pass errors of a million tolerances. For the controller I the two rules are the same.
//
// The zero value is PI. A Controller is a value, safe for concurrent use.
//
// References:
//
//	[gustafsson1991]  K. Gustafsson. Control theoretic techniques for stepsize selection in
//	                  explicit Runge–Kutta methods. ACM Transactions on Mathematical Software 17(4), 1991.
//	[soderlind2003]   G. Söderlind. Digital filters in adaptive time-stepping. ACM
//	                  Transactions on Mathematical Software 29(1), 2003.
//	[soderlind2006]   G. Söderlind and L. Wang. Adaptive time-stepping and computational
//	                  stability. Journal of Computational and Applied Mathematics 185(2), 2006.
//	[ranocha2022]     H. Ranocha, L. Dalcin, M. Parsani and D. I. Ketcheson. Optimized Runge–Kutta
//	                  methods with automatic step size control for compressible computational fluid
//	                  dynamics. Communications on Applied Mathematics and Computation 4, 2022.
type Controller struct {
	Gains  [3]float64 // β; their sum must be positive. All 0 means those of PI
	Smooth bool       // the limiter of [soderlind2006] and the accept rule of [ranocha2022]
}

// The controllers.
var (
	// I aims every step at the tolerance: the oldest rule, and the one of SciPy, torchdiffeq and diffrax. Where
	// stability and not accuracy bounds the steps it swings.
	I = Controller{Gains: [3]float64{1}}

	// PI damps the swings by the change of the error [gustafsson1991], with the gains 0.7 and
	// -0.4 that are usual [hairer1996, IV.2].
	PI = Controller{Gains: [3]float64{0.7, -0.4}}

	// PID also looks at the curvature of the error, with the gains of ARKODE's documentation.
	PID = Controller{Gains: [3]float64{0.58, -0.21, 0.1}, Smooth: true}

	// H211PI and H312PID are filters of low pass [soderlind2003, table III]: they give the smoothest sequence of
	// steps, and follow a change of the solution slowly.
	H211PI  = Controller{Gains: [3]float64{1. / 6, 1. / 6}, Smooth: true}
	H312PID = Controller{Gains: [3]float64{1. / 18, 1. / 9, 1. / 18}, Smooth: true}
)

// check returns an error that wraps ErrControl if the gains cannot control.
func (c Controller) check() error {
	sum := c.Gains[0] + c.Gains[1] + c.Gains[2]
	if c.Gains != [3]float64{} && !(sum > 0 && sum <= math.MaxFloat64) {
		return fmt.Errorf("%w: the Controller's gains are %v, want a finite sum above 0", ErrControl, c.Gains)
	}
	return nil
}

// A verdict is what a controller says of a proposal.
type verdict struct {
	accept bool
	factor float64 // of the length
}

// judge weighs a proposal whose error is e, after accepted ones with the errors past, the latest first.
// A NaN is rejected; no comparison here lets it pass for a number.
func (c Control) judge(e, q float64, past [2]float64) verdict {
	rho := math.Pow(e, -c.Controller.Gains[0]/q)
	if !c.Controller.Smooth {
		rho *= c.Safety
	}
	for k, p := range past {
		if g := c.Controller.Gains[k+1]; g != 0 {
			rho *= math.Pow(p, -g/q)
		}
	}
	v := verdict{e <= 1, rho}
	alone := math.Pow(e, -1/q) // without memory
	if c.Controller.Smooth {
		v.factor, alone = 1+math.Atan(rho-1), 1+math.Atan(alone-1)
		v.accept = alone >= c.Safety*c.Safety
	} else {
		alone *= c.Safety
	}
	if !v.accept {
		v.factor = alone
	}
	if !(v.factor >= c.MinFactor) { // so that NaN gives the least
		v.factor = c.MinFactor
	}
	if v.factor > c.MaxFactor {
		v.factor = c.MaxFactor
	}
	return v
}
