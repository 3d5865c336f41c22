package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"image"
	"image/color"
	pixels "image/draw"
	"image/png"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A figure is a picture made of panels of one size. On a page each panel is a picture of its
// own, so that they can be laid out for the screen; as a PNG they are set in columns.
type figure struct {
	title         string // written above the PNG; a page has headings of its own
	alt           string // for those who cannot see it
	columns       int
	width, height vg.Length // of a panel
	groups        []group
}

// A group of panels begins a new line, under a heading of its own if it has one.
type group struct {
	heading string
	height  vg.Length // of a panel, if not that of the figure
	panels  []panel
}

// A panel draws itself; name says to those who cannot see it what it shows.
type panel struct {
	name string
	draw func(draw.Canvas, *theme)
}

// heightOf returns the height of the panels of g.
func (f *figure) heightOf(g group) vg.Length { return cmp.Or(g.height, f.height) }

// svg returns the panel of a group as an inline SVG in hues, as wide as its container.
func (f *figure) svg(g group, p panel) template.HTML {
	c := vgsvg.New(f.width, f.heightOf(g))
	p.draw(draw.New(c), light)
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	_, body, _ := strings.Cut(b.String(), "<svg")
	_, body, _ = strings.Cut(body, ">")
	body = inHues.Replace(fontStyle.ReplaceAllString(body, ""))
	const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" role="img" aria-label="%s">`
	return template.HTML(fmt.Sprintf(head, f.width.Points(), f.heightOf(g).Points(), template.HTMLEscapeString(p.name)) + body)
}

// fontStyle is what vgsvg says of the font in every text. The page's style sheet says it once.
var fontStyle = regexp.MustCompile(`font-family:[^;]*;font-variant:[^;]*;(font-weight:normal;)?font-style:normal;`)

// png returns the figure on white paper.
func (f *figure) png() ([]byte, error) {
	const title, heading, gap = 30, 26, 8
	height := vg.Length(0)
	if f.title != "" {
		height += title
	}
	for _, g := range f.groups {
		if g.heading != "" {
			height += heading
		}
		height += vg.Length((len(g.panels)+f.columns-1)/f.columns) * (f.heightOf(g) + gap)
	}
	width := vg.Length(f.columns) * f.width
	c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(96), vgimg.UseBackgroundColor(light[paper]))
	all := draw.New(c)
	top := all.Max.Y
	if f.title != "" {
		all.FillText(light.bold(16, ink), vg.Point{X: all.Min.X + 8, Y: top - title/2}, f.title)
		top -= title
	}
	for _, g := range f.groups {
		if g.heading != "" {
			all.FillText(light.bold(14, ink), vg.Point{X: all.Min.X + 8, Y: top - heading/2}, g.heading)
			top -= heading
		}
		for i, p := range g.panels {
			x, y := vg.Length(i%f.columns)*f.width, top-vg.Length(i/f.columns)*(f.heightOf(g)+gap)
			box := vg.Rectangle{Min: vg.Point{X: x, Y: y - f.heightOf(g)}, Max: vg.Point{X: x + f.width, Y: y}}
			p.draw(draw.Canvas{Canvas: all.Canvas, Rectangle: box}, light)
		}
		top -= vg.Length((len(g.panels)+f.columns-1)/f.columns) * (f.heightOf(g) + gap)
	}
	return encoded(c.Image())
}

// encoded returns a PNG of m in at most 256 colours, which is a third of the size: the most frequent of those that are told apart. Pictures here have
// few, and blends of them at edges.
func encoded(m image.Image) ([]byte, error) {
	size := m.Bounds()
	all := image.NewRGBA(size)
	pixels.Draw(all, size, m, size.Min, pixels.Src)
	each := func(visit func(x, y int, c color.RGBA)) {
		for y := size.Min.Y; y < size.Max.Y; y++ {
			for x := size.Min.X; x < size.Max.X; x++ {
				visit(x, y, all.RGBAAt(x, y))
			}
		}
	}
	counts := map[color.RGBA]int{}
	each(func(_, _ int, c color.RGBA) { counts[c]++ })
	frequent := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(code(a), code(b)))
	})
	var palette color.Palette
	taken := map[color.RGBA]bool{} // in 32 levels of each channel
	for _, c := range frequent {
		if rough := (color.RGBA{c.R >> 3, c.G >> 3, c.B >> 3, 0}); !taken[rough] && len(palette) < 256 {
			taken[rough] = true
			palette = append(palette, c)
		}
	}
	index := map[color.RGBA]uint8{}
	for c := range counts {
		index[c] = uint8(palette.Index(c))
	}
	few := image.NewPaletted(size, palette)
	each(func(x, y int, c color.RGBA) { few.SetColorIndex(x, y, index[c]) })
	var b bytes.Buffer
	err := png.Encode(&b, few)
	return b.Bytes(), err
}

// text returns the style of text of a size in points, left of and centred on its position.
func (th *theme) text(size float64, h hue) text.Style {
	return text.Style{
		Color: th[h], Font: font.From(sans, font.Length(size)), Handler: typesetter,
		XAlign: text.XLeft, YAlign: text.YCenter,
	}
}

func (th *theme) bold(size float64, h hue) text.Style {
	s := th.text(size, h)
	s.Font.Weight = xfont.WeightBold
	return s
}

var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

// heading writes the title of a panel, and returns the canvas below it.
func (th *theme) heading(c draw.Canvas, title string) draw.Canvas {
	c = draw.Crop(c, 6, -6, 4, -6)
	c.FillText(th.bold(13, ink), vg.Point{X: c.Min.X + 2, Y: c.Max.Y - 8}, title)
	return draw.Crop(c, 0, 0, 0, -24)
}

// axes returns an empty plot.
func (th *theme) axes(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor, p.TextHandler = nil, typesetter
	for _, a := range [...]*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Width, a.Padding = th[muted], 0.7, 0
		a.Label.TextStyle.Color, a.Label.TextStyle.Font = th[muted], font.From(sans, 11)
		a.Label.Padding = 3
		a.Label.TextStyle.Handler, a.Tick.Label.Handler = typesetter, typesetter
		a.Tick.Label.Color, a.Tick.Label.Font = th[ink], font.From(sans, 11)
		a.Tick.Color, a.Tick.Width, a.Tick.Length = th[muted], 0.7, 3
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	return p
}

// grid rules the ticks.
func (th *theme) grid(c draw.Canvas, p *plot.Plot) {
	style := draw.LineStyle{Color: th[rule], Width: 0.5}
	tx, ty := p.Transforms(&c)
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		c.StrokeLine2(style, tx(t.Value), c.Min.Y, tx(t.Value), c.Max.Y)
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		c.StrokeLine2(style, c.Min.X, ty(t.Value), c.Max.X, ty(t.Value))
	}
}

// marker returns the shape of a claimed order.
func marker(order float64) draw.GlyphDrawer {
	return [...]draw.GlyphDrawer{
		draw.RingGlyph{}, draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, polygon(4), polygon(5),
	}[ofOrder(order)-order0]
}

// polygon draws regular polygons that stand on a corner.
type polygon int

// DrawGlyph implements draw.GlyphDrawer.
func (n polygon) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	var p vg.Path
	for i := range n {
		sin, cos := math.Sincos(2*math.Pi*float64(i)/float64(n) - math.Pi/2)
		q := vg.Point{X: at.X + 1.15*style.Radius*vg.Length(cos), Y: at.Y + 1.15*style.Radius*vg.Length(sin)}
		if i == 0 {
			p.Move(q)
		} else {
			p.Line(q)
		}
	}
	p.Close()
	c.Fill(p)
}
