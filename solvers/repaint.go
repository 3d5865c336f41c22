package solvers

import (
	"cmp"
	"fmt"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// RePaint fills in the part of a sample that is not known [lugmayr2022repaint, algorithm 1]. After
// each step of an unconditional solver the known elements are replaced by a draw of what they are at that time, αx₀ + σz. What
// the solver has just made does not yet agree with them, so the state is diffused back to the start of the step, and the step
// taken again, Resample times in all.
//
// With Jump above 1 the way back is longer [lugmayr2022repaint]: each step of the grid is cut
// into Jump parts, even in λ, which are all walked before going back. The paper's setting of 250 steps and jump length 10 is a grid of 25 steps with
// Jump 10. Multistep solvers begin anew after each way back, so that with Jump 1 they are of order 1.
//
// As Resample and the number of steps both grow, the law of the result tends to that of the unknown part given the known one;
// neither alone suffices, so no order is claimed. RePaint is not in the catalogue, since it needs Mask and Known.
//
// References:
//
//	[lugmayr2022repaint]
type RePaint struct {
	Of       Solver    // of the unconditional steps, neither EDICT nor BDIA; nil means DDPM
	Mask     []bool    // of Dim elements, true where the element is known
	Known    []float64 // clean samples, one row for all or a row for each of the batch, counted from row 0; read where Mask is true
	Resample int       // times each step is taken, at least 1; 0 means 10
	Jump     int       // parts that each step is cut into, at least 1; 0 means 1
}

func (s RePaint) withDefaults() RePaint {
	if s.Of == nil {
		s.Of = DDPM{}
	}
	s.Resample = cmp.Or(s.Resample, 10)
	s.Jump = cmp.Or(s.Jump, 1)
	return s
}

// Info implements Solver.
func (s RePaint) Info() Info {
	s = s.withDefaults()
	i := s.Of.Info()
	parts := s.Resample * s.Jump
	return Info{Name: "repaint" + i.Name, About: "RePaint, inpainting around " + i.Name,
		NFE: parts*i.NFE + s.Resample*i.StartNFE, Stochastic: true, Approximate: true, Kind: i.Kind, Ref: "lugmayr2022repaint"}
}

// Start implements Solver.
func (s RePaint) Start(p Problem, n int) (ode.Stepper, error) {
	s = s.withDefaults()
	switch {
	case s.Resample < 1:
		return nil, fmt.Errorf("%w: resample is %d, want at least 1", ErrParameter, s.Resample)
	case s.Jump < 1:
		return nil, fmt.Errorf("%w: jump is %d, want at least 1", ErrParameter, s.Jump)
	case len(s.Mask) != p.Dim:
		return nil, fmt.Errorf("%w: the mask has %d elements, Dim is %d", ErrParameter, len(s.Mask), p.Dim)
	case len(s.Known) != p.Dim && (len(s.Known)%p.Dim != 0 || len(s.Known) < p.Row*p.Dim+n):
		return nil, fmt.Errorf("%w: %d known elements, want one row of %d or a row for each sample", ErrParameter, len(s.Known), p.Dim)
	}
	for i, v := range s.Known {
		if s.Mask[i%p.Dim] && v-v != 0 {
			return nil, fmt.Errorf("%w: the known sample is %v in element %d", ErrParameter, v, i)
		}
	}
	path, err := p.path(n)
	if err != nil {
		return nil, err
	}
	if err := renewed(path); err != nil {
		return nil, err
	}
	// One path for both: two from one seed would repeat each other.
	p.Noise = samePath{path}
	inner, err := startBetween(s.Of, p, n)
	if err != nil {
		return nil, err
	}
	st := &repaint{RePaint: s, schedule: p.Schedule, path: path, inner: inner, dim: p.Dim, known: s.Known,
		model:   scoremodel.As(p.Model, scoremodel.Data, p.Schedule),
		upDraws: s.Of.Info().Stochastic, z: make([]float64, n), x: make([]float64, n)}
	if len(s.Known) != p.Dim {
		st.known = s.Known[p.Row*p.Dim:][:n]
	}
	return st, nil
}

type repaint struct {
	RePaint
	schedule sde.Schedule
	path     sde.Brownian
	inner    ode.Stepper
	model    scoremodel.Model // for the step to clean data
	dim      int
	known    []float64 // one row, or one for each of the state
	upDraws  bool      // see paint
	z        []float64
	x        []float64
}

// ReachesClean implements Finisher: clean data keep the known elements, which the model's prediction would not.
func (s *repaint) ReachesClean() {}

func (s *repaint) Step(dst, src []float64, at ode.Span) error {
	copy(s.x, src)
	if to := s.schedule.At(at.To); to.Sigma == 0 {
		if err := s.model.Predict(s.z, s.x, at.From); err != nil {
			return err
		}
		vec.Lin(s.x, vec.Term{C: to.Alpha, X: s.z})
		s.replace(to)
		copy(dst, s.x)
		return nil
	}
	for pass := range s.Resample {
		part := ode.Span{From: at.From, N: s.Jump}
		for ; part.Index < s.Jump; part.Index++ {
			part.To = s.node(at, part.Index+1)
			if err := s.inner.Step(s.x, s.x, part); err != nil {
				return err
			}
			turns := part.Index+1 == s.Jump && pass+1 < s.Resample
			if !s.upDraws || !turns {
				if err := s.paint(part); err != nil {
					return err
				}
			}
			part.From = part.To
		}
		if pass+1 < s.Resample {
			if err := s.back(at); err != nil {
				return err
			}
		}
	}
	copy(dst, s.x)
	return nil
}

// node returns the time of the i-th of the Jump parts' ends.
func (s *repaint) node(at ode.Span, i int) float64 {
	if i == s.Jump {
		return at.To
	}
	from, to := s.schedule.At(at.From), s.schedule.At(at.To)
	return s.schedule.Time(from.Lambda() + float64(i)/float64(s.Jump)*sde.H(from, to))
}

// paint replaces the known elements by a draw of them at the end of the part.
//
// A path without memory refuses two draws over an interval in one direction. If the solver has drawn
// downwards, this draw goes upwards; then the one for the way back cannot, and paint is left out before it: nobody looks at the
// known elements until back has drawn them anew. If the solver does not draw, this draw goes down.
func (s *repaint) paint(part ode.Span) error {
	from, to := part.From, part.To
	if s.upDraws {
		from, to = to, from
	}
	if err := s.draw(from, to); err != nil {
		return err
	}
	s.replace(s.schedule.At(part.To))
	return nil
}

// back diffuses the state from the end of the step to its start, where the known elements are drawn from their law.
func (s *repaint) back(at ode.Span) error {
	if err := s.draw(at.To, at.From); err != nil {
		return err
	}
	p := s.schedule.At(at.From)
	scale, std := sde.Transition(s.schedule.At(at.To), p)
	vec.Lin(s.x, vec.Term{C: scale, X: s.x}, vec.Term{C: std, X: s.z})
	s.replace(p)
	return nil
}

// draw fills z with standard normals.
func (s *repaint) draw(from, to float64) error {
	return standard(s.path, s.z, from, to)
}

// replace sets the known elements to αx₀ + σz.
func (s *repaint) replace(p sde.Point) {
	for i := range s.x {
		if s.Mask[i%s.dim] {
			s.x[i] = p.Alpha*s.known[i%len(s.known)] + p.Sigma*s.z[i]
		}
	}
}

// samePath is noise that is always the one path.
type samePath struct{ path sde.Brownian }

func (s samePath) Path(int, int, int) sde.Brownian { return s.path }
