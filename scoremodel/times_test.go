package scoremodel

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/sde"
)

func ddpmTable(t *testing.T, betas []float64) *sde.Discrete {
	t.Helper()
	s, err := sde.NewDiscrete(betas)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTimes(t *testing.T) {
	ddpm := ddpmTable(t, sde.LinearBetas(1000, 1e-4, 0.02))
	latent := ddpmTable(t, sde.ScaledLinearBetas(1000, 0.00085, 0.012))
	short := ddpmTable(t, sde.LinearBetas(50, 1e-3, 0.2))
	nearest := Times{Between: BetweenNearest}
	for _, tc := range []struct {
		name string
		c    Times
		s    sde.Schedule
		t    float64
		want float64
	}{
		{"first step", Times{}, ddpm, 1e-3, 0},
		{"last step", Times{}, ddpm, 1, 999},
		{"step 500", Times{}, ddpm, 0.501, 500},
		{"half of a step", Times{}, ddpm, 0.5015, 500.5},
		{"a table of 50", Times{Steps: 50}, short, 0.04, 1},
		{"end overstepped by rounding", Times{}, ddpm, math.Nextafter(1, 2), 999},
		{"begin overstepped by rounding", Times{}, ddpm, math.Nextafter(1e-3, 0), 0},
		// DPM-Solver asks discrete-time networks at 1000 (t - 1/1000) [lu2022dpm, appendix D.1].
		{"DPM-Solver", Times{}, sde.VP{}, 0.7123, 1000 * (0.7123 - 1./1000)},
		{"nearest below", nearest, ddpm, 0.50149, 500},
		{"nearest above", nearest, ddpm, 0.50151, 501},
		{"nearest of a half", nearest, ddpm, 0.5015, 501},
		{"refused between, on a step", Times{Between: BetweenRefused}, ddpm, 0.501, 500},

		{"continuous", Times{Kind: TimeContinuous}, sde.VP{}, 0.3, 0.3},
		// score_sde asks its VP networks at t·999.
		{"score_sde", Times{Kind: TimeContinuous, Scale: 999}, sde.VP{}, 0.5, 499.5},
		{"rectified flow in thousandths", Times{Kind: TimeContinuous, Scale: 1000}, sde.Flow{}, 0.25, 250},

		// k-diffusion prints sigma_min 0.0292 and sigma_max 14.6146 for the table of Stable Diffusion 1.
		{"Stable Diffusion's least sigma", Times{Kind: TimeSigma}, latent, 1e-3, 0.029167158151720367},
		{"Stable Diffusion's largest sigma", Times{Kind: TimeSigma}, latent, 1, 14.614641229333639},
		// sqrt((1-abar)/abar) of DDPM's linear table in numpy 2.
		{"DDPM's largest sigma", Times{Kind: TimeSigma}, ddpm, 1, 157.40728081040757},
		{"EDM's sigma is its time", Times{Kind: TimeSigma}, sde.EDM{}, 80, 80},
		{"sigma of the least DDPM step", Times{Kind: TimeSigma}, ddpm, 1e-3, 0.010000500037502575},

		{"lambda", Times{Kind: TimeLambda}, ddpm, 1e-3, 4.60512018348798},
		{"log SNR is twice lambda", Times{Kind: TimeLambda, Scale: 2}, ddpm, 1e-3, 9.21024036697596},

		// c_noise = ln(sigma)/4 [karras2022edm, table 1] at the ends of its sampler, 80 and 0.002.
		{"EDM's c_noise, noise end", Times{Kind: TimeLogSigma4}, sde.EDM{}, 80, math.Log(80) / 4},
		{"EDM's c_noise, data end", Times{Kind: TimeLogSigma4}, sde.EDM{}, 0.002, -1.5536520246055479},
		{"EDM's c_noise at sigma 1", Times{Kind: TimeLogSigma4}, sde.EDM{}, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.c.At(tc.s, tc.t)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateApprox(1e-13, 1e-15)); diff != "" {
				t.Errorf("%+v.At(%v) (-want +got):\n%s", tc.c, tc.t, diff)
			}
		})
	}
}

// TestTimesOfEveryStep: the time of step n is told as n, to the bit.
func TestTimesOfEveryStep(t *testing.T) {
	for _, steps := range []int{2, 50, 1000, 4000} {
		s := ddpmTable(t, sde.LinearBetas(steps, 1e-4, 0.02))
		for n := range steps {
			for _, b := range []Between{BetweenFraction, BetweenNearest, BetweenRefused} {
				got, err := Times{Steps: steps, Between: b}.At(s, float64(n+1)/float64(steps))
				if err != nil || got != float64(n) {
					t.Fatalf("T=%d, %v: step %d is told as %v, %v", steps, b, n, got, err)
				}
			}
		}
	}
}

func TestTimesOutOfRange(t *testing.T) {
	ddpm := ddpmTable(t, sde.LinearBetas(1000, 1e-4, 0.02))
	everywhere := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1.0001}
	for _, tc := range []struct {
		name string
		c    Times
		s    sde.Schedule
		at   []float64
	}{
		{"index", Times{}, ddpm, append(everywhere, 0, 0.0009)},
		{"index of a domain larger than the table", Times{}, sde.VP{TMin: 1e-4}, append(everywhere, 1e-4, 5e-4)},
		{"nearest rounds no time into the table", Times{Between: BetweenNearest}, sde.VP{TMin: 1e-4}, append(everywhere, 9e-4)},
		{"between", Times{Between: BetweenRefused}, ddpm, append(everywhere, 0.5015, 0.5010001)},
		{"continuous", Times{Kind: TimeContinuous}, sde.VP{}, append(everywhere, 0, 0.0009)},
		{"sigma", Times{Kind: TimeSigma}, sde.VP{}, append(everywhere, 0)},
		{"lambda", Times{Kind: TimeLambda}, sde.VP{}, append(everywhere, 0)},
		{"lambda of pure noise", Times{Kind: TimeLambda}, ddpm.RescaledZeroSNR(), append(everywhere, 1)},
		{"logsigma4", Times{Kind: TimeLogSigma4}, sde.VP{}, append(everywhere, 0)},
	} {
		for _, at := range tc.at {
			if got, err := tc.c.At(tc.s, at); !errors.Is(err, ErrTime) {
				t.Errorf("%s: At(%v) = %v, %v, want an error that wraps ErrTime", tc.name, at, got, err)
			}
		}
	}
}

func TestTimesRefuses(t *testing.T) {
	ddpm := ddpmTable(t, sde.LinearBetas(1000, 1e-4, 0.02))
	model := Func(Epsilon, func(dst, x []float64, t float64) error { return nil })
	for _, c := range []Times{
		{Kind: -1}, {Kind: 5}, {Between: 3}, {Between: -1}, {Steps: -1}, {Scale: -1}, {Scale: math.NaN()}, {Scale: math.Inf(1)},
		{Kind: TimeSigma, Steps: 1000}, {Kind: TimeLambda, Between: BetweenNearest},
	} {
		if _, err := c.Apply(model, ddpm); err == nil {
			t.Errorf("%+v.Apply gives no error", c)
		}
		if _, err := c.At(ddpm, 0.5); err == nil {
			t.Errorf("%+v.At gives no error", c)
		}
	}
	if _, err := (Times{}).Apply(nil, ddpm); err == nil {
		t.Error("Apply to no model gives no error")
	}
	if _, err := (Times{}).Apply(model, nil); err == nil {
		t.Error("Apply under no schedule gives no error")
	}
	if _, err := (Times{Steps: 50}).At(ddpm, 0.5); err == nil {
		t.Error("a table of 50 steps under a schedule of 1000 gives no error")
	}
}

// TestTimesApply: the network is told what At says, in both of its methods, and is not asked when At fails.
func TestTimesApply(t *testing.T) {
	ddpm := ddpmTable(t, sde.LinearBetas(1000, 1e-4, 0.02))
	var told []float64
	network := Func(Velocity, func(dst, x []float64, n float64) error { told = append(told, n); return nil })
	m, err := Times{}.Apply(network, ddpm)
	if err != nil {
		t.Fatal(err)
	}
	x, dst, plain := make([]float64, 2), make([]float64, 2), make([]float64, 2)
	err = errors.Join(m.Predict(dst, x, 0.501), Both(m, dst, plain, x, 0.25))
	if diff := cmp.Diff([]float64{500, 249}, told); err != nil || diff != "" || m.Kind() != Velocity {
		t.Errorf("a %v network is told (-want +got):\n%s\nerror %v", m.Kind(), diff, err)
	}
	if err := errors.Join(m.Predict(dst, x, 2)); !errors.Is(err, ErrTime) {
		t.Errorf("Predict at 2: %v", err)
	}
	if err := Both(m, dst, plain, x, math.NaN()); !errors.Is(err, ErrTime) {
		t.Errorf("PredictBoth at NaN: %v", err)
	}
	if len(told) != 2 {
		t.Errorf("the network was asked %d times, want 2", len(told))
	}
}

func TestTimesText(t *testing.T) {
	type document struct {
		Kind    TimeKind
		Between Between
	}
	for i, kind := range []string{"index", "continuous", "sigma", "lambda", "logsigma4"} {
		for j, between := range []string{"fraction", "nearest", "refused"} {
			text := fmt.Sprintf(`{"Kind":%q,"Between":%q}`, kind, between)
			var got document
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(document{TimeKind(i), Between(j)}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", text, diff)
			}
			if back, err := json.Marshal(got); err != nil || string(back) != text {
				t.Errorf("%s is written as %s, %v", text, back, err)
			}
		}
	}
	for _, text := range []string{`{"Kind":"timestep"}`, `{"Between":"linear"}`, `{"Kind":""}`} {
		if err := json.Unmarshal([]byte(text), new(document)); err == nil {
			t.Errorf("%s gives no error", text)
		}
	}
}
