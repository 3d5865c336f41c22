package report

import (
	"fmt"
	"image/color"
	"math"
	"strings"
)

// A hue is a colour by its role. Pictures are drawn in hues, so that one drawing serves
// both themes: in a PNG the hue is a colour of the light theme, in an inline SVG a CSS variable.
type hue int

const (
	paper  hue = iota
	ink        // text and axes
	muted      // text of less weight
	rule       // grid lines and borders
	dim        // lines that are a backdrop
	veil       // the region that no solver reaches
	alarm      // claims that do not hold
	fine       // claims that hold
	order0     // a solver that claims no order; order0+p one of order p
)

const (
	orders = 5  // orders with a hue of their own; higher ones share the last
	levels = 24 // steps of a colour scale

	heat  = order0 + orders + 1 // heat to heat+levels-1: a scale from small to large
	shift = heat + levels       // the same for differences
	hues  = shift + levels
)

// A theme gives each hue its colour. It is immutable.
type theme [hues]color.RGBA

// ofOrder returns the hue of a claimed order. The strong order 1.5 shares that of 2.
func ofOrder(p float64) hue {
	if !(p >= 1) {
		return order0
	}
	return order0 + hue(math.Ceil(math.Min(p, orders)))
}

// name is the hue's CSS variable, without the dashes.
func (h hue) name() string {
	switch {
	case h >= shift:
		return fmt.Sprintf("shift%d", h-shift)
	case h >= heat:
		return fmt.Sprintf("heat%d", h-heat)
	case h >= order0:
		return fmt.Sprintf("order%d", h-order0)
	}
	return [...]string{"paper", "ink", "muted", "rule", "dim", "veil", "alarm", "fine"}[h]
}

// The hues of the orders keep apart under the common colour deficiencies (they are Okabe and
// Ito's, darkened for white paper so that labels in them can be read), and each order has a marker too.
// No two hues of the light theme are equal, and none is #000000, which vgsvg leaves out: an SVG is put
// into hues by replacing colours.
var (
	light = newTheme(
		[...]string{"#ffffff", "#1b1f24", "#57606a", "#d9dee3", "#b9c1c9", "#eef0f2", "#b3261e", "#1a6b3c",
			"#5c6670", "#0067a3", "#b04a00", "#007556", "#a23b7c", "#6f5e00"},
		[]string{"#eaf2f8", "#a8cde4", "#4a94c4", "#1d5f94", "#0a2d52"},
		[]string{"#fbf1e6", "#f5c48b", "#e08535", "#a84a0c", "#571f02"})
	dark = newTheme(
		[...]string{"#14181d", "#e6e9ec", "#a3adb7", "#333b44", "#4b5661", "#20262d", "#ff8a80", "#6fd39a",
			"#98a3ae", "#5db7ec", "#f3984f", "#35c79a", "#e593c6", "#d9c545"},
		[]string{"#1b2a36", "#24506f", "#3581b3", "#77bce6", "#dff1fd"},
		[]string{"#2c2318", "#6a3f14", "#b56a1e", "#eda85c", "#fde9d0"})
)

func newTheme(plain [int(heat)]string, heats, shifts []string) *theme {
	t := &theme{}
	for i, s := range plain {
		t[i] = hex(s)
	}
	for i := range hue(levels) {
		t[heat+i] = between(heats, float64(i)/(levels-1))
		t[shift+i] = between(shifts, float64(i)/(levels-1))
	}
	return t
}

// between returns the colour at u, from 0 to 1, of the scale through evenly spaced stops.
func between(stops []string, u float64) color.RGBA {
	i := min(int(u*float64(len(stops)-1)), len(stops)-2)
	v := u*float64(len(stops)-1) - float64(i)
	a, b := hex(stops[i]), hex(stops[i+1])
	mix := func(a, b uint8) uint8 { return uint8(math.Round((1-v)*float64(a) + v*float64(b))) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// hex returns the colour #rrggbb.
func hex(s string) color.RGBA {
	c := color.RGBA{A: 255}
	if _, err := fmt.Sscanf(s, "#%02x%02x%02x", &c.R, &c.G, &c.B); err != nil {
		panic("report: bad colour " + s)
	}
	return c
}

func code(c color.RGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

// css declares the variables of the theme.
func (t *theme) css() string {
	var b strings.Builder
	for h := range hues {
		fmt.Fprintf(&b, "--%s:%s;", h.name(), code(t[h]))
	}
	return b.String()
}

// inHues replaces the colours of the light theme in an SVG by variables.
var inHues = func() *strings.Replacer {
	var pairs []string
	for h := range hues {
		pairs = append(pairs, code(light[h]), "var(--"+h.name()+")")
	}
	return strings.NewReplacer(pairs...)
}()
