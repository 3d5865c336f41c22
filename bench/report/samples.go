package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	xdraw "golang.org/x/image/draw"
	"gonum.org/v1/plot"
	points "gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/diffsolve/diffsolve/bench/study"
)

// CanDraw returns an error if samples of dim elements have no picture: they are neither square
// images of the given side, not 0, nor of one or two dimensions.
func CanDraw(side, dim int) error {
	if side > 0 || dim == 1 || dim == 2 {
		return nil
	}
	return fmt.Errorf("samples of dimension %d that are no images cannot be drawn; want square ones, grey or in three colours", dim)
}

// DrawSamples writes a PNG of samples, rows of dim elements: a sheet of images if side is
// not 0, a histogram of numbers, or a cloud of points. Images of side² elements are grey, with 1 as ink on white paper, and those
// of three times as many are red, then green, then blue, with 1 as light. The error names the file.
func DrawSamples(path, title string, x []float64, dim, side int) error {
	if err := CanDraw(side, dim); err != nil {
		return fmt.Errorf("report: %s: %w", path, err)
	}
	write := func(w io.Writer) error {
		if side > 0 {
			return png.Encode(w, sheet(x, dim, side))
		}
		return plotSamples(w, title, x, dim)
	}
	if err := replace(path, write); err != nil {
		return fmt.Errorf("report: %s: %w", path, err)
	}
	return nil
}

// sheet lays the pictures out in rows, about as many as columns.
func sheet(x []float64, dim, side int) image.Image {
	n := len(x) / dim
	columns := max(int(math.Ceil(math.Sqrt(float64(n)))), 1)
	const gap = 6
	scale := max(64/side, 1)
	cell := side*scale + gap
	m := image.NewRGBA(image.Rect(0, 0, columns*cell+gap, (n+columns-1)/columns*cell+gap))
	draw.Draw(m, m.Bounds(), image.NewUniform(light[rule]), image.Point{}, draw.Src)
	for k := range n {
		row := x[k*dim : (k+1)*dim]
		p := picture(study.Samples{Side: side, X: row[:side*side]}, 0)
		if dim == 3*side*side {
			p = colours(row, side)
		}
		corner := image.Pt(gap+k%columns*cell, gap+k/columns*cell)
		xdraw.NearestNeighbor.Scale(m, image.Rect(0, 0, side*scale, side*scale).Add(corner), p, p.Bounds(), draw.Src, nil)
	}
	return m
}

// colours returns the picture of an image that is red, then green, then blue. What is beyond ±1 is clamped, and NaN is dark.
func colours(x []float64, side int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	n := side * side
	for i := range n {
		m.SetRGBA(i%side, i/side, color.RGBA{255 - grey(x[i]).R, 255 - grey(x[n+i]).R, 255 - grey(x[2*n+i]).R, 255})
	}
	return m
}

func plotSamples(w io.Writer, title string, x []float64, dim int) error {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text = "x"
	if dim == 1 {
		p.Y.Label.Text = "density"
		bins := min(max(int(math.Sqrt(float64(len(x)))), 5), 80)
		h, err := points.NewHist(points.Values(x), bins)
		if err != nil {
			return err
		}
		h.Normalize(1)
		h.FillColor, h.LineStyle.Color = light[heat+levels/2], light[paper]
		p.Add(h)
	} else {
		p.X.Label.Text, p.Y.Label.Text = "x₀", "x₁"
		cloud := make(points.XYs, len(x)/2)
		for i := range cloud {
			cloud[i] = points.XY{X: x[2*i], Y: x[2*i+1]}
		}
		s, err := points.NewScatter(cloud)
		if err != nil {
			return err
		}
		s.GlyphStyle.Color, s.GlyphStyle.Radius = light[order0+1], vg.Points(1.5)
		p.Add(points.NewGrid(), s)
	}
	to, err := p.WriterTo(6*vg.Inch, 5*vg.Inch, "png")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := to.WriteTo(&b); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
