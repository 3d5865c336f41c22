package sde_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/sde"
)

func newDiscrete(t *testing.T, betas []float64) *sde.Discrete {
	t.Helper()
	d, err := sde.NewDiscrete(betas)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tables are those that networks are trained with, and lengths whose times i/T do not come
// back when they are multiplied by T.
var tables = map[string][]float64{
	"DDPM":              sde.LinearBetas(1000, 1e-4, 0.02),
	"latent diffusion":  sde.ScaledLinearBetas(1000, 0.00085, 0.012),
	"improved DDPM":     sde.SquaredCosineBetas(1000),
	"4000 of cosine":    sde.SquaredCosineBetas(4000),
	"100 of DDPM":       sde.LinearBetas(100, 1e-3, 0.2),
	"49":                sde.LinearBetas(49, 1e-3, 0.3),
	"alternating, of 8": {0.5, 1e-5, 0.3, 1e-9, 0.2, 1e-3, 0.9, 1e-2},
}

// After step n, which is time (n+1)/T, α² is the product of 1-β up to n.
func TestDiscreteProducts(t *testing.T) {
	for name, betas := range tables {
		d := newDiscrete(t, betas)
		if got := d.Steps(); got != len(betas) {
			t.Errorf("%s: Steps() = %d, want %d", name, got, len(betas))
		}
		for i, square := range products(betas)[1:] {
			at := float64(i+1) / float64(len(betas))
			p := d.At(at)
			alpha := exact(p.Alpha)
			// exp magnifies the rounding of log α by |log α|, and t·T is off by a rounding, which
			// moves log α by that much of a step.
			tolerance := unit * (4 - 4*math.Log(p.Alpha) - 2*float64(i+1)*math.Log1p(-betas[i]))
			if e := alpha.mul(alpha).div(square).sub(one).float64(); !(math.Abs(e) <= tolerance) {
				t.Errorf("%s: At(%d/%d).Alpha² = %v, want %v: relative error %.2g, want at most %.2g",
					name, i+1, len(betas), p.Alpha*p.Alpha, square.float64(), e, tolerance)
			}
		}
	}
}

// Between its times log α is linear, so β of the diffusion is constant: -T log(1-β) of the
// table. At a time of the table the side towards the data counts: a sampler steps that way.
func TestDiscreteSlope(t *testing.T) {
	for name, betas := range tables {
		d, n := newDiscrete(t, betas), float64(len(betas))
		for i, b := range betas {
			want := -n * math.Log1p(-b)
			lo, hi := float64(i)/n, float64(i+1)/n
			for _, at := range []float64{max(math.Nextafter(lo, 1), 1e-9), lo + 0.3/n, math.Nextafter(hi, 0), hi} {
				if got := d.At(at).G2(); !(math.Abs(got/want-1) <= 1e-15) {
					t.Errorf("%s: At(%v).G2() = %v in the cell (%d, %d]/%d, want %v", name, at, got, i, i+1, len(betas), want)
				}
			}
		}
	}
}

func TestDiscreteLogLinear(t *testing.T) {
	betas := []float64{0.1, 0.5, 0.9}
	d := newDiscrete(t, betas)
	for _, test := range []struct{ t, want float64 }{ // log α²
		{1. / 6, math.Log(0.9) / 2}, // from α = 1 at t = 0
		{1. / 2, math.Log(0.9) + math.Log(0.5)/2},
		{2. / 3, math.Log(0.9) + math.Log(0.5)},
		{2./3 + 1./12, math.Log(0.9) + math.Log(0.5) + math.Log(0.1)/4},
		{1, math.Log(0.9) + math.Log(0.5) + math.Log(0.1)},
	} {
		if got := 2 * math.Log(d.At(test.t).Alpha); !(math.Abs(got-test.want) <= 1e-15) {
			t.Errorf("log Alpha² at %v = %v, want %v", test.t, got, test.want)
		}
	}
}

// Figures that the users of these tables know by heart.
func TestDiscreteKnownValues(t *testing.T) {
	ddpm, latent := newDiscrete(t, tables["DDPM"]), newDiscrete(t, tables["latent diffusion"])
	for _, test := range []struct {
		name string
		got  float64
		want string
	}{
		{"DDPM's last alphas_cumprod", math.Pow(ddpm.At(1).Alpha, 2), "4.0358e-05"},
		{"DDPM's first alphas_cumprod", math.Pow(ddpm.At(1e-3).Alpha, 2), "0.9999"},
		{"Stable Diffusion's last alphas_cumprod", math.Pow(latent.At(1).Alpha, 2), "0.0046601"},
		{"Stable Diffusion's sigma_max in k-diffusion", latent.At(1).Kappa(), "14.615"},
		{"Stable Diffusion's sigma_min in k-diffusion", latent.At(1e-3).Kappa(), "0.029167"},
	} {
		if got := fmt.Sprintf("%.5g", test.got); got != test.want {
			t.Errorf("%s = %s, want %s", test.name, got, test.want)
		}
	}
}

func TestBetas(t *testing.T) {
	const n = 1000
	fraction := func(i int) num { return exact(float64(i)).div(exact(n - 1)) }
	theta := func(i int) num { // θ at t = i/n
		return exact(float64(i)).div(exact(n)).add(one.div(exact(125))).div(one.add(one.div(exact(125)))).mul(pi).scale(-1)
	}
	for _, test := range []struct {
		name  string
		betas []float64
		exact func(i int) num
		bound func(i int) float64 // on the relative error, in units
	}{
		{"LinearBetas(1000, 1e-4, 0.02)", sde.LinearBetas(n, 1e-4, 0.02),
			func(i int) num { return exact(1e-4).add(fraction(i).mul(exact(0.02).sub(exact(1e-4)))) },
			func(i int) float64 { return 4 }},
		{"ScaledLinearBetas(1000, 0.00085, 0.012)", sde.ScaledLinearBetas(n, 0.00085, 0.012),
			func(i int) num {
				lo, hi := exact(0.00085).sqrt(), exact(0.012).sqrt()
				root := lo.add(fraction(i).mul(hi.sub(lo)))
				return root.mul(root)
			},
			func(i int) float64 { return 12 }},
		// β = 1 - ᾱ(t')/ᾱ(t) depends on the distance of θ from π/2, (n-i)/n of it, whose rounding counts.
		{"SquaredCosineBetas(1000)", sde.SquaredCosineBetas(n),
			func(i int) num {
				q := theta(i + 1).cos().div(theta(i).cos())
				return one.sub(q.mul(q))
			},
			func(i int) float64 { return 12 + 8*float64(n)/float64(n-i) }},
	} {
		if len(test.betas) != n {
			t.Fatalf("%s = %d betas", test.name, len(test.betas))
		}
		for i, b := range test.betas {
			want := test.exact(i)
			if want.float64() > 0.999 {
				want = exact(0.999)
			}
			if e := exact(b).div(want).sub(one).float64(); !(math.Abs(e) <= unit*test.bound(i)) {
				t.Errorf("%s[%d] = %v, want %v: relative error %.2g", test.name, i, b, want.float64(), e)
			}
		}
	}
	if b := tables["DDPM"]; b[0] != 1e-4 || b[999] != 0.02 {
		t.Errorf("LinearBetas(1000, 1e-4, 0.02) = %v .. %v, want its arguments at the ends", b[0], b[999])
	}
	// Only the last step of the cosine would destroy everything.
	if b := tables["improved DDPM"]; b[999] != 0.999 || !(b[998] < 0.999) {
		t.Errorf("SquaredCosineBetas(1000) ends with %v, %v, want less than 0.999, 0.999", b[998], b[999])
	}
	if got := sde.LinearBetas(1, 0.25, 0.75); len(got) != 1 || got[0] != 0.25 {
		t.Errorf("LinearBetas(1, 0.25, 0.75) = %v, want [0.25]", got)
	}
}

// Up to the cap the table of the squared cosine is the cosine schedule.
func TestSquaredCosineIsCosine(t *testing.T) {
	d := newDiscrete(t, tables["improved DDPM"])
	for i := 1; i < 1000; i++ {
		at := float64(i) / 1000
		got, want := d.At(at).Alpha, sde.Cosine{}.At(at).Alpha
		if e := math.Abs(got/want - 1); !(e <= 1e-12) {
			t.Errorf("At(%v).Alpha = %v, of Cosine %v: relative error %.2g", at, got, want, e)
		}
	}
}

func TestNewDiscreteRefuses(t *testing.T) {
	many := make([]float64, 210) // α is 1e-315, which is subnormal
	for i := range many {
		many[i] = 0.999
	}
	for _, test := range []struct {
		betas []float64
		want  string
	}{
		{nil, "0 betas"},
		{[]float64{0.1}, "1 betas"},
		{[]float64{0.1, 0}, "beta 1 is 0, want"},
		{[]float64{0.9, 1e-20}, "beta 1 is 1e-20, too small"},
		{[]float64{1, 0.1}, "beta 0 is 1"},
		{[]float64{0.1, -0.1}, "beta 1 is -0.1"},
		{[]float64{0.1, 0.1, 2}, "beta 2 is 2"},
		{[]float64{math.NaN(), 0.1}, "beta 0 is NaN"},
		{[]float64{0.1, math.Inf(1)}, "beta 1 is +Inf"},
		{many, "alpha underflows"},
	} {
		d, err := sde.NewDiscrete(test.betas)
		if d != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("NewDiscrete(%v) = %v, %v, want %q", test.betas, d, err, test.want)
		}
	}
	if _, err := sde.NewDiscrete(many[:200]); err != nil { // 1e-300
		t.Errorf("NewDiscrete of 200 betas of 0.999: %v", err)
	}
}

func TestDiscreteIsImmutable(t *testing.T) {
	betas := []float64{0.1, 0.2, 0.3}
	d := newDiscrete(t, betas)
	want := d.At(1)
	clear(betas)
	if got := d.At(1); got != want {
		t.Errorf("At(1) = %+v after the table was cleared, want %+v", got, want)
	}
}
