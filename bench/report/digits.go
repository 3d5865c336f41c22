package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"slices"

	xdraw "golang.org/x/image/draw"
	xfont "golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot/font"

	"github.com/diffsolve/diffsolve/bench/study"
)

// An album is the samples of one problem, ordered to be compared: a block for each budget, in it
// a row for each solver, and in all of them a column for each noise that they start from.
type album struct {
	problem   string
	reference *study.Samples
	budgets   []int                            // ascending
	solvers   []string                         // by family
	by        map[int]map[string]study.Samples // budget, then solver
}

// albums sorts the samples by problem. Samples that are no whole pictures are left out.
func albums(list []study.Samples) []*album {
	var out []*album
	for _, s := range list {
		if count(s) == 0 {
			continue
		}
		i := slices.IndexFunc(out, func(a *album) bool { return a.problem == s.Problem })
		if i < 0 {
			i = len(out)
			out = append(out, &album{problem: s.Problem, by: map[int]map[string]study.Samples{}})
		}
		a := out[i]
		if s.Budget == 0 {
			a.reference = &s
			continue
		}
		if a.by[s.Budget] == nil {
			a.by[s.Budget] = map[string]study.Samples{}
			a.budgets = append(a.budgets, s.Budget)
		}
		if !slices.Contains(a.solvers, s.Solver) {
			a.solvers = append(a.solvers, s.Solver)
		}
		a.by[s.Budget][s.Solver] = s
	}
	for _, a := range out {
		slices.Sort(a.budgets)
		slices.SortStableFunc(a.solvers, func(x, y string) int { return familyOf(x) - familyOf(y) })
	}
	return out
}

// count returns how many pictures s has.
func count(s study.Samples) int {
	if s.Side <= 0 {
		return 0
	}
	return len(s.X) / (s.Side * s.Side)
}

// grey returns the ink of a pixel from -1, blank, to 1. What is beyond is clamped, and NaN is blank.
func grey(v float64) color.RGBA {
	u := math.Min(math.Max((v+1)/2, 0), 1)
	if math.IsNaN(v) {
		u = 0
	}
	g := uint8(math.Round(255 * (1 - u)))
	return color.RGBA{g, g, g, 255}
}

// picture returns the k-th picture of s, a pixel for a pixel.
func picture(s study.Samples, k int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, s.Side, s.Side))
	for i, v := range s.X[k*s.Side*s.Side:][:s.Side*s.Side] {
		m.SetRGBA(i%s.Side, i/s.Side, grey(v))
	}
	return m
}

// strip returns the pictures of s in a row, a transparent pixel between two, as a PNG to be
// scaled up by who shows it.
func strip(s study.Samples) ([]byte, image.Point) {
	n := count(s)
	m := image.NewRGBA(image.Rect(0, 0, n*(s.Side+1)-1, s.Side))
	for k := range n {
		draw.Draw(m, image.Rect(0, 0, s.Side, s.Side).Add(image.Pt(k*(s.Side+1), 0)), picture(s, k), image.Point{}, draw.Src)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	return b.Bytes(), m.Bounds().Size()
}

// A line of an album is what one solver made of each budget. It may stand apart from the one above.
type line struct {
	name  string
	apart bool
	of    func(budget int) (study.Samples, bool)
}

// lines returns the reference, if there is one, and the solvers, the families apart.
func (a *album) lines() []line {
	var out []line
	if r := a.reference; r != nil {
		out = append(out, line{"converged", false, func(int) (study.Samples, bool) { return *r, true }})
	}
	for i, l := range a.solverLines() {
		l.apart = i == 0 && len(out) > 0 || i > 0 && familyOf(l.name) != familyOf(a.solvers[i-1])
		out = append(out, l)
	}
	return out
}

// solverLines returns the solvers.
func (a *album) solverLines() []line {
	var out []line
	for _, name := range a.solvers {
		out = append(out, line{name: name, of: func(budget int) (study.Samples, bool) {
			s, ok := a.by[budget][name]
			return s, ok
		}})
	}
	return out
}

// crowd is the number of solvers above which a picture shows the landmarks alone.
const crowd = 20

// selection returns the album itself, or of a crowd the landmarks in it, if there are any.
func (a *album) selection() *album {
	if len(a.solvers) <= crowd {
		return a
	}
	few := *a
	few.solvers = slices.DeleteFunc(slices.Clone(a.solvers), func(name string) bool { return !slices.Contains(landmarks, name) })
	if len(few.solvers) == 0 {
		return a
	}
	return &few
}

// png draws the album on white paper, of a crowd of solvers a selection: the blocks side by side, with the names of the solvers at
// the left, or under one another if there are too many pictures for that.
func (a *album) png() ([]byte, error) {
	const (
		wide = 1500 // about, of the whole
		size = 20   // of the text
		gap  = 4    // between pictures
		rift = 28   // between blocks
		slit = 10   // between families
		edge = 16   // around the whole
		head = size + 18
		most = 16 // pictures in a row: more would be too small
	)
	face, bold := faceOf(xfont.WeightNormal, size), faceOf(xfont.WeightBold, size)
	a = a.selection()
	lines, budgets := a.lines(), a.budgets
	if len(budgets) == 0 {
		budgets = []int{0} // a block for the reference alone
	}
	titles := map[int]string{0: "converged"}
	for _, b := range a.budgets {
		titles[b] = fmt.Sprintf("budget of %d evaluations", b)
	}

	// Measure.
	side, pictures, label, title, slits := 0, 0, 0, 0, 0
	for _, l := range lines {
		if l.apart {
			slits += slit
		}
		label = max(label, xfont.MeasureString(face, l.name).Ceil()+14)
		for _, b := range budgets {
			if s, ok := l.of(b); ok {
				side, pictures = max(side, s.Side), max(pictures, min(count(s), most))
			}
		}
	}
	for _, s := range titles {
		title = max(title, xfont.MeasureString(bold, s).Ceil())
	}
	across := len(budgets)
	if across*pictures > 30 {
		across = 1
	}
	room := wide - 2*edge - label - across*pictures*gap - (across-1)*rift
	scale := min(max(room/(across*pictures*side), 1), 64/side+1)
	cell := side*scale + gap
	block := max(pictures*cell, title)
	high := head + len(lines)*cell + slits
	down := (len(budgets) + across - 1) / across

	m := image.NewRGBA(image.Rect(0, 0, 2*edge+label+across*block+(across-1)*rift, 2*edge+down*high+(down-1)*rift))
	draw.Draw(m, m.Bounds(), image.NewUniform(light[paper]), image.Point{}, draw.Src)
	write := func(f xfont.Face, x, y int, h hue, s string) {
		d := xfont.Drawer{Dst: m, Src: image.NewUniform(light[h]), Face: f, Dot: fixed.P(x, y)}
		d.DrawString(s)
	}
	for b, budget := range budgets {
		x0 := edge + label + (b%across)*(block+rift)
		y := edge + (b/across)*(high+rift)
		write(bold, x0, y+size, ink, titles[budget])
		y += head
		for _, l := range lines {
			if l.apart {
				y += slit
			}
			base := y + (cell-gap)/2 + size*7/20 // of text as high as the pictures' middle
			if b%across == 0 {
				write(face, edge, base, ink, l.name)
			}
			s, ok := l.of(budget)
			if !ok {
				write(face, x0, base, muted, "–")
			}
			for k := range min(count(s), most) {
				r := image.Rect(0, 0, side*scale, side*scale).Add(image.Pt(x0+k*cell, y))
				draw.Draw(m, r.Inset(-1), image.NewUniform(light[rule]), image.Point{}, draw.Src)
				p := picture(s, k)
				xdraw.NearestNeighbor.Scale(m, r, p, p.Bounds(), draw.Src, nil)
			}
			y += cell
		}
	}
	return encoded(m)
}

// faceOf returns the face of the plots' font whose size is in pixels.
func faceOf(w xfont.Weight, size float64) xfont.Face {
	f := sans
	f.Weight = w
	face := font.DefaultCache.Lookup(f, font.Length(size))
	return face.FontFace(72)
}
