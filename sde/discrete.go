package sde

import (
	"fmt"
	"math"
	"sort"
)

// Discrete is the variance-preserving diffusion of a table of betas, as DDPM trains
// it. After step n = 0..T-1, which is time t = (n+1)/T, α² is the product of 1-β up to
// n. Between those times log α is linear in t, and so it is from t = 0, where it is 0,
// to the first of them. Its slope jumps at the table's times; At gives the slope
// towards the data, the side to which a sampler steps.
//
// After RescaledZeroSNR α is 0 at t = 1, and linear in t, not log α, from the time before.
//
// The domain is [1/T, 1]. Use NewDiscrete: the zero value has an empty table.
// A Discrete is immutable and safe for concurrent use.
type Discrete struct {
	logAlpha []float64 // at t = i/T, i = 0..T
	step     []float64 // logAlpha[i+1] - logAlpha[i], without cancellation
}

// NewDiscrete returns the schedule of the given betas, each in (0, 1), at least two.
func NewDiscrete(betas []float64) (*Discrete, error) {
	if len(betas) < 2 {
		return nil, fmt.Errorf("sde: %d betas, want at least 2", len(betas))
	}
	d := &Discrete{logAlpha: make([]float64, len(betas)+1), step: make([]float64, len(betas))}
	var sum kahan
	for i, b := range betas {
		if !(b > 0 && b < 1) {
			return nil, fmt.Errorf("sde: beta %d is %v, want a number in (0, 1)", i, b)
		}
		d.step[i] = math.Log1p(-b) / 2
		d.logAlpha[i+1] = sum.add(d.step[i])
		if d.logAlpha[i+1] == d.logAlpha[i] {
			return nil, fmt.Errorf("sde: beta %d is %v, too small to change alpha after those before it", i, b)
		}
	}
	if math.Exp(sum.sum) < smallestNormal {
		return nil, fmt.Errorf("sde: alpha underflows at the end of %d betas", len(betas))
	}
	return d, nil
}

// kahan is a compensated sum, whose relative precision does not sink with its length.
type kahan struct{ sum, lost float64 }

func (k *kahan) add(v float64) float64 {
	y := v - k.lost
	s := k.sum + y
	k.lost = (s - k.sum) - y
	k.sum = s
	return s
}

// RescaledZeroSNR returns the table with its signal scales shifted and stretched so that the last
// is 0 and the first is kept [lin2024flawed, algorithm 1]: with α_i at t = i/T,
//
//	α_i' = α_1(α_i - α_T)/(α_1 - α_T).
//
// At t = 1 the state is then pure noise: λ is -Inf, and of the kinds of package scoremodel Data,
// Velocity and Flow exist there, Epsilon and Score do not.
//
// With S_i = log α_i - log α_T the quotient is expm1(S_i)/expm1(S_1), whose distance from 1 and from its
// neighbour follow from expm1(a) - expm1(b) = e^b expm1(a-b) without cancellation.
//
// References:
//
//	[lin2024flawed]  S. Lin et al. Common Diffusion Noise Schedules and Sample Steps are
//	                 Flawed. WACV 2024. https://arxiv.org/abs/2305.08891
func (d *Discrete) RescaledZeroSNR() *Discrete {
	n := d.Steps()
	if math.IsInf(d.step[n-1], -1) {
		return d
	}
	tail := make([]float64, n+1) // S_i, summed from the end, where it is small
	var sum kahan
	for i := n - 1; i >= 0; i-- {
		tail[i] = sum.add(-d.step[i])
	}
	first := math.Expm1(tail[1])
	out := &Discrete{logAlpha: make([]float64, n+1), step: make([]float64, n)}
	out.logAlpha[1], out.step[0] = d.logAlpha[1], d.step[0]
	for i := 1; i < n; i++ {
		out.step[i] = math.Log1p(-math.Exp(tail[i+1]) * math.Expm1(-d.step[i]) / math.Expm1(tail[i]))
		out.logAlpha[i+1] = d.logAlpha[1] + math.Log(math.Expm1(tail[i+1])/first)
		if lost := math.Exp(tail[i+1]) * math.Expm1(d.logAlpha[1]-d.logAlpha[i+1]) / first; lost < 0.5 {
			out.logAlpha[i+1] = d.logAlpha[1] + math.Log1p(-lost)
		}
	}
	out.step[n-1] = math.Inf(-1)
	return out
}

// LinearBetas returns n betas evenly spaced from b0 to b1: the "linear" schedule of DDPM.
func LinearBetas(n int, b0, b1 float64) []float64 {
	betas := make([]float64, n)
	for i := range betas {
		w := float64(i) / float64(max(n-1, 1))
		betas[i] = b0*(1-w) + b1*w
	}
	return betas
}

// ScaledLinearBetas returns n betas whose square roots are evenly spaced: the
// "scaled_linear" schedule of latent diffusion.
func ScaledLinearBetas(n int, b0, b1 float64) []float64 {
	betas := LinearBetas(n, math.Sqrt(b0), math.Sqrt(b1))
	for i, b := range betas {
		betas[i] = b * b
	}
	return betas
}

// SquaredCosineBetas returns the n betas of Nichol and Dhariwal's cosine schedule,
// each at most 0.999: "squaredcos_cap_v2".
//
// 1 - cos²θ'/cos²θ = sin(θ'-θ) sin(θ'+θ)/cos²θ, which does not cancel.
func SquaredCosineBetas(n int) []float64 {
	betas := make([]float64, n)
	step := cosineRate / float64(n)
	for i := range betas {
		theta := cosineZero + float64(i)*step
		c := math.Cos(theta)
		betas[i] = math.Min(math.Sin(step)*math.Sin(2*theta+step)/(c*c), 0.999)
	}
	return betas
}

// Steps returns the length T of the table.
func (d *Discrete) Steps() int { return len(d.logAlpha) - 1 }

// At implements Schedule.
func (d *Discrete) At(t float64) Point {
	n := float64(d.Steps())
	// The cell (i, i+1] holds t·n, so that a table's time belongs to the cell on its data side.
	// The comparison is of times: t·n may be rounded up to an integer, and beyond.
	i := min(max(int(t*n), 0), d.Steps()-1)
	if i > 0 && t <= float64(i)/n {
		i--
	}
	lo, hi := d.logAlpha[i], d.logAlpha[i+1]
	w := t*n - float64(i)
	if math.IsInf(hi, -1) { // α is linear: α = α_lo(1-w)
		left := (1 - t) * n // 1-w; 1-t is exact, as this cell lies above 1/2
		if left == 0 {
			return Point{T: t, Sigma: 1, DAlpha: -n * math.Exp(lo)}
		}
		return vpPoint(t, lo+math.Log(left), -n/left)
	}
	return vpPoint(t, lo*(1-w)+hi*w, d.step[i]*n)
}

// Time implements Schedule.
func (d *Discrete) Time(lambda float64) float64 {
	l := vpLogAlpha(lambda)
	// logAlpha falls from 0; find the cell with logAlpha[i] > l >= logAlpha[i+1].
	i := sort.Search(d.Steps()-1, func(i int) bool { return d.logAlpha[i+1] <= l })
	lo, hi := d.logAlpha[i], d.logAlpha[i+1]
	if math.IsInf(hi, -1) {
		return (float64(i) - math.Expm1(l-lo)) / float64(d.Steps())
	}
	return (float64(i) + (lo-l)/(lo-hi)) / float64(d.Steps())
}

// Domain implements Schedule.
func (d *Discrete) Domain() (tmin, tmax float64) { return 1 / float64(d.Steps()), 1 }
