package report

import (
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"
	"slices"

	xdraw "golang.org/x/image/draw"
	xfont "golang.org/x/image/font"
	"golang.org/x/image/math/fixed"

	"github.com/diffsolve/diffsolve/bench/study"
)

// Gallery prints the figures of a gallery.
func Gallery(w io.Writer, list []study.Exhibit, style Style) error {
	t := &table{Title: "Gallery", Columns: []column{{"solver", false}, {"evaluations", true}, {"seconds", true}, {"rmse", true}}}
	g := rows{}
	for _, e := range list {
		rmse := "-"
		if e.RMSE != nil {
			rmse = compact(*e.RMSE)
		}
		g.Rows = append(g.Rows, texts(e.Solver, fmt.Sprint(e.NFE), compact(e.Seconds), rmse))
	}
	t.Groups = append(t.Groups, g)
	p := newPrinter(w, style)
	p.table(t)
	return p.w.Flush()
}

// DrawGallery writes a gallery of images of the given side as a PNG: a row of sheets for each solver and a column for each budget, and the
// references in a column of their own. Grey keeps the file small. The error names the file.
func DrawGallery(path string, side int, list []study.Exhibit) error {
	if err := replace(path, func(w io.Writer) error { return png.Encode(w, drawGallery(side, list)) }); err != nil {
		return fmt.Errorf("report: %s: %w", path, err)
	}
	return nil
}

func drawGallery(side int, list []study.Exhibit) image.Image {
	const (
		size  = 17 // of the text
		small = 14 // of the notes
		edge  = 14 // around the whole
		rift  = 18 // between sheets
		gap   = 2  // between images
		least = 28 // of the side of an image
	)
	bold, note := faceOf(xfont.WeightBold, size), faceOf(xfont.WeightNormal, small)
	var names []string
	var budgets []int
	references, images := 0, 0
	for _, e := range list {
		images = max(images, len(e.X)/(side*side))
		switch {
		case e.Reference:
			references++
		default:
			if !slices.Contains(names, e.Solver) {
				names = append(names, e.Solver)
			}
			if !slices.Contains(budgets, e.Budget) {
				budgets = append(budgets, e.Budget)
			}
		}
	}
	slices.Sort(budgets)
	scale := (least + side - 1) / side
	columns := max(int(math.Ceil(math.Sqrt(float64(images)))), 1)
	lines := (images + columns - 1) / columns
	sheet, high := columns*(side*scale+gap)+gap, lines*(side*scale+gap)+gap
	wide := sheet
	head, foot := size+8, small+12
	across, down := len(budgets), len(names)
	if references > 0 {
		across, down = across+1, max(down, references)
	}
	for _, e := range list {
		wide = max(wide, xfont.MeasureString(bold, heading(e)).Ceil()-rift/2)
	}
	cell := image.Pt(wide+rift, head+high+foot)
	m := image.NewGray(image.Rect(0, 0, 2*edge+across*cell.X-rift, 2*edge+down*cell.Y-foot/4))
	draw.Draw(m, m.Bounds(), image.White, image.Point{}, draw.Src)
	write := func(f xfont.Face, x, y int, h hue, s string) {
		d := xfont.Drawer{Dst: m, Src: image.NewUniform(light[h]), Face: f, Dot: fixed.P(x, y)}
		d.DrawString(s)
	}
	row := 0
	for _, e := range list {
		i, j := len(budgets), row
		if e.Reference {
			row++
		} else {
			i, j = slices.Index(budgets, e.Budget), slices.Index(names, e.Solver)
		}
		at := image.Pt(edge+i*cell.X, edge+j*cell.Y)
		write(bold, at.X, at.Y+size-2, ink, heading(e))
		at.Y += head
		draw.Draw(m, image.Rect(0, 0, sheet, high).Add(at), image.NewUniform(light[rule]), image.Point{}, draw.Src)
		s := study.Samples{Side: side, X: e.X}
		for k := range count(s) {
			corner := at.Add(image.Pt(gap+k%columns*(side*scale+gap), gap+k/columns*(side*scale+gap)))
			p := picture(s, k)
			xdraw.NearestNeighbor.Scale(m, image.Rect(0, 0, side*scale, side*scale).Add(corner), p, p.Bounds(), draw.Src, nil)
		}
		if e.RMSE != nil {
			write(note, at.X, at.Y+high+small+2, muted, fmt.Sprintf("%.3f from the reference", *e.RMSE))
		}
	}
	// Faint noise in the paper takes most of the file: 32 greys show as much.
	for i, v := range m.Pix {
		m.Pix[i] = v | 7
	}
	return m
}

// heading names a sheet.
func heading(e study.Exhibit) string { return fmt.Sprintf("%s, %d evaluations", e.Solver, e.NFE) }
