package report

import (
	"strconv"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// raised is a text handler that sets what follows a ^ as an exponent. The font has no superscript minus and zero.
// Exponents are for text that is not rotated.
type raised struct{ text.Plain }

var typesetter = raised{text.Plain{Fonts: font.DefaultCache}}

const (
	small = 0.75 // size of an exponent
	rise  = 0.38 // of its baseline, in sizes of the text
)

// Box implements text.Handler.
func (r raised) Box(txt string, f font.Font) (width, height, depth vg.Length) {
	base, exponent, _ := strings.Cut(txt, "^")
	width, height, depth = r.Plain.Box(base, f)
	f.Size *= small
	more, _, _ := r.Plain.Box(exponent, f)
	return width + more, height, depth
}

// Draw implements text.Handler.
func (r raised) Draw(c vg.Canvas, txt string, style text.Style, at vg.Point) {
	base, exponent, ok := strings.Cut(txt, "^")
	if !ok {
		r.Plain.Draw(c, txt, style, at)
		return
	}
	whole, _, _ := r.Box(txt, style.Font)
	at.X += vg.Length(style.XAlign) * whole
	style.XAlign = text.XLeft
	r.Plain.Draw(c, base, style, at)
	width, _, _ := r.Plain.Box(base, style.Font)
	baseline := r.baseline(style)
	lift := rise * style.Font.Size
	style.Font.Size *= small
	r.Plain.Draw(c, exponent, style, vg.Point{X: at.X + width, Y: at.Y + baseline - r.baseline(style) + lift})
}

// baseline returns how far above its position Plain sets the baseline of a line.
func (r raised) baseline(style text.Style) vg.Length {
	_, height, depth := r.Plain.Box("", style.Font)
	return (height+depth)*vg.Length(style.YAlign) - r.Extents(style.Font).Ascent + style.Font.Size
}

// power writes a power of ten for the typesetter.
func power(e int) string {
	if e == 0 {
		return "1"
	}
	return "10^" + strings.Replace(strconv.Itoa(e), "-", "−", 1)
}
