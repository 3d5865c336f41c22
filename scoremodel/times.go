package scoremodel

import (
	"errors"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/sde"
)

// ErrTime is wrapped by the errors of Times about a time that the network was not trained for.
var ErrTime = errors.New("time is not one of the network's")

// A TimeKind is the quantity by which a network is told the time. The zero value is TimeIndex.
type TimeKind int

// The quantities in use, for a time t of the schedule that the network was trained under.
const (
	TimeIndex      TimeKind = iota // n = T·t - 1, the step 0..T-1 of DDPM's table
	TimeContinuous                 // t itself
	TimeSigma                      // κ = σ/α, the sigma of EDM and k-diffusion; of NCSN and VE, where α is 1
	TimeLambda                     // λ = log(α/σ), half the log signal-to-noise ratio
	TimeLogSigma4                  // log(κ)/4 = -λ/4, the c_noise of EDM
)

var timeKindNames = [...]string{"index", "continuous", "sigma", "lambda", "logsigma4"}

func (k TimeKind) String() string {
	if !k.known() {
		return fmt.Sprintf("TimeKind(%d)", int(k))
	}
	return timeKindNames[k]
}

func (k TimeKind) known() bool { return k >= 0 && int(k) < len(timeKindNames) }

// MarshalText writes the kind's name.
func (k TimeKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name, such as "index".
func (k *TimeKind) UnmarshalText(text []byte) error {
	for i, name := range timeKindNames {
		if name == string(text) {
			*k = TimeKind(i)
			return nil
		}
	}
	return fmt.Errorf("scoremodel: unknown quantity of time %q, want one of %q", text, timeKindNames)
}

// Between says what a network is told at a time between two steps of its table. The zero value is BetweenFraction.
type Between int

// The choices.
const (
	BetweenFraction Between = iota // the fractional index, for networks that embed a number
	BetweenNearest                 // the nearest step, halves to the noisier one, as for networks that look their embedding up
	BetweenRefused                 // nothing: such a time is an error
)

var betweenNames = [...]string{"fraction", "nearest", "refused"}

func (b Between) String() string {
	if !b.known() {
		return fmt.Sprintf("Between(%d)", int(b))
	}
	return betweenNames[b]
}

func (b Between) known() bool { return b >= 0 && int(b) < len(betweenNames) }

// MarshalText writes the choice's name.
func (b Between) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads a choice's name, such as "nearest".
func (b *Between) UnmarshalText(text []byte) error {
	for i, name := range betweenNames {
		if name == string(text) {
			*b = Between(i)
			return nil
		}
	}
	return fmt.Errorf("scoremodel: unknown choice between two steps %q, want one of %q", text, betweenNames)
}

// Times turns the time of a schedule into what a network was trained to be told. The zero value is the fractional
// index into a table of 1000 steps, as DDPM's networks are asked by continuous-time solvers [lu2022dpm, appendix D.1].
//
// The schedule is the one that the network was trained under, or a continuous one that has the same α at the same times.
//
// With BetweenNearest the model is a step function of time, so that solvers lose their orders: no error falls below that of
// a time off by up to 1/(2T), however many steps are taken. A grid on the table's own times, such as solvers.TrailingGrid's, avoids it.
//
// Times is plain data, and safe for concurrent use.
//
// References:
//
//	[lu2022dpm], [karras2022edm], [ho2020ddpm]
type Times struct {
	Kind    TimeKind
	Steps   int     // T, the length of the table, for TimeIndex alone; 0 means 1000
	Between Between // for TimeIndex alone
	Scale   float64 // what is told is multiplied by it, such as 999 for the t of score_sde's VP networks; positive; 0 means 1
}

func (c Times) steps() int {
	if c.Steps == 0 {
		return 1000
	}
	return c.Steps
}

// Check returns an error if a field is out of range or does not apply to the kind.
func (c Times) Check() error {
	switch {
	case !c.Kind.known():
		return fmt.Errorf("scoremodel: Times: unknown kind %v", c.Kind)
	case !c.Between.known():
		return fmt.Errorf("scoremodel: Times: unknown choice %v between two steps", c.Between)
	case c.Kind != TimeIndex && (c.Steps != 0 || c.Between != BetweenFraction):
		return fmt.Errorf("scoremodel: Times: %v has no table, want neither Steps nor Between", c.Kind)
	case c.Steps < 0:
		return fmt.Errorf("scoremodel: Times: %d steps, want at least 1", c.Steps)
	case !(c.Scale >= 0) || math.IsInf(c.Scale, 1):
		return fmt.Errorf("scoremodel: Times: Scale is %v, want a positive, finite number", c.Scale)
	}
	return nil
}

// At returns what the network is told at time t of s.
//
// A time outside of the domain of s, an index outside of 0..T-1, and a value that is not finite are errors that wrap ErrTime:
// nothing is clamped, and NaN is no time. Rounding is forgiven: an end of the domain may be overstepped by 1e-12 of itself, and an index that is
// whole to within 1e-9 is whole.
func (c Times) At(s sde.Schedule, t float64) (float64, error) {
	if err := c.Check(); err != nil {
		return 0, err
	}
	const rounding = 1e-12
	tmin, tmax := s.Domain()
	if !(t >= tmin*(1-rounding) && t <= tmax*(1+rounding)) {
		return 0, fmt.Errorf("scoremodel: %w: %v is outside of the schedule's domain [%v, %v]", ErrTime, t, tmin, tmax)
	}
	v := t
	switch c.Kind {
	case TimeIndex:
		n, err := c.index(s, t)
		if err != nil {
			return 0, err
		}
		v = n
	case TimeSigma:
		v = s.At(t).Kappa()
	case TimeLambda:
		v = s.At(t).Lambda()
	case TimeLogSigma4:
		v = -s.At(t).Lambda() / 4
	}
	if c.Scale != 0 {
		v *= c.Scale
	}
	if v-v != 0 {
		return 0, fmt.Errorf("scoremodel: %w: the %v of %v is %v", ErrTime, c.Kind, t, v)
	}
	return v, nil
}

func (c Times) index(s sde.Schedule, t float64) (float64, error) {
	const whole = 1e-9
	if table, ok := s.(interface{ Steps() int }); ok && table.Steps() != c.steps() {
		return 0, fmt.Errorf("scoremodel: Times: the network's table has %d steps and the schedule's %d", c.steps(), table.Steps())
	}
	last := float64(c.steps() - 1)
	n := t*float64(c.steps()) - 1
	if step := math.Round(n); math.Abs(n-step) <= whole {
		n = step
	}
	if !(n >= 0 && n <= last) {
		return 0, fmt.Errorf("scoremodel: %w: %v is index %v of a table of 0 to %v", ErrTime, t, n, last)
	}
	switch c.Between {
	case BetweenNearest:
		return math.Floor(n + 0.5 + whole), nil // a half by rounding is a half
	case BetweenRefused:
		if n != math.Floor(n) {
			return 0, fmt.Errorf("scoremodel: %w: %v is index %v, between two steps of the table", ErrTime, t, n)
		}
	}
	return n, nil
}

// Apply returns a view of m, a network that takes what c tells for its time, as a model under s. It is as safe for concurrent use as
// m, and an error if a field of c is out of range or something is missing.
func (c Times) Apply(m Model, s sde.Schedule) (Model, error) {
	if err := firstError(c.Check(), present(m, s)); err != nil {
		return nil, err
	}
	return timed{m, c, s}, nil
}

type timed struct {
	m     Model
	times Times
	s     sde.Schedule
}

func (v timed) Kind() Kind { return v.m.Kind() }

func (v timed) Predict(dst, x []float64, t float64) error {
	told, err := v.times.At(v.s, t)
	if err != nil {
		return err
	}
	return v.m.Predict(dst, x, told)
}

func (v timed) PredictBoth(dst, plain, x []float64, t float64) error {
	told, err := v.times.At(v.s, t)
	if err != nil {
		return err
	}
	return Both(v.m, dst, plain, x, told)
}
