package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/diffsolve/diffsolve/bench/study"
)

// Style says how tables are printed. The zero value is plain text.
type Style struct {
	// Bold sets headings, the best of a column and claims that fail in ANSI bold. Otherwise a *
	// follows the best.
	Bold bool
}

// Text prints the tables of r, its warnings and a summary, for a terminal.
func Text(w io.Writer, r *study.Results, style Style) error {
	p := newPrinter(w, style)
	p.equivalences(r.Equivalences)
	p.orders(r.Orders)
	p.comparisons(r.Comparisons)
	for _, t := range append(controlled(r.Controlled), needed(r.Controlled, neededErrors)...) {
		p.table(t)
	}
	if len(r.Warnings) > 0 {
		p.heading("Warnings")
		for _, s := range r.Warnings {
			p.line("- " + s)
		}
	}
	p.summary(r)
	return p.w.Flush()
}

// Equivalences prints the equivalences: a line for each pair that is claimed to be identical, with
// the worst difference, and one for each pair and grid that are claimed to converge.
func Equivalences(w io.Writer, list []study.Equivalence, style Style) error {
	p := newPrinter(w, style)
	p.equivalences(list)
	return p.w.Flush()
}

// Orders prints claimed and observed orders, a table for each kind of order.
func Orders(w io.Writer, list []study.Order, style Style) error {
	p := newPrinter(w, style)
	p.orders(list)
	return p.w.Flush()
}

// Comparisons prints error against budget: for each problem and grid a table of the median error and of the RMSE, and one
// of the Wasserstein distance W₂, of the inversion's round trip and of each measure of quality where there are any, the latter ± their standard
// errors. Null, and a budget that a solver cannot use, are "-"; "≤" is before an error that is no larger than that of the reference it was measured against.
func Comparisons(w io.Writer, list []study.Comparison, style Style) error {
	p := newPrinter(w, style)
	p.comparisons(list)
	return p.w.Flush()
}

// printer sets tables in columns. The error is kept by w until Flush.
type printer struct {
	w     *bufio.Writer
	style Style
	begun bool
}

func newPrinter(w io.Writer, style Style) *printer {
	return &printer{w: bufio.NewWriter(w), style: style}
}

func (p *printer) line(s string) { fmt.Fprintln(p.w, strings.TrimRight(s, " ")) }

// heading begins a section or a table.
func (p *printer) heading(s string) {
	if p.begun {
		p.line("")
	}
	p.begun = true
	p.line(p.bold(s))
}

func (p *printer) bold(s string) string {
	if !p.style.Bold {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// summary is last, where it is seen.
func (p *printer) summary(r *study.Results) {
	p.heading("Summary")
	p.line("Equivalences: " + equivalenceSummary(r.Equivalences).Text)
	p.line("Orders: " + orderSummary(r.Orders).Text)
	if s := toleranceSummary(r.Controlled); s != "" {
		p.line("Error control: " + s)
	}
	v := view{contests: contests(r.Comparisons), albums: albums(r.Samples)}
	if t := v.headline(); t != nil {
		p.line("Least " + t.name + " on " + t.problem + ", by budget: " + strings.Join(t.leaders(), ", "))
	}
}

func (p *printer) equivalences(list []study.Equivalence) {
	p.heading("Equivalences: " + equivalenceSummary(list).Text)
	for _, t := range []*table{identities(list), convergences(list)} {
		if t != nil {
			p.table(t)
		}
	}
}

func (p *printer) orders(list []study.Order) {
	p.heading("Orders: " + orderSummary(list).Text)
	for _, t := range orderTables(list) {
		p.table(t)
	}
}

func (p *printer) comparisons(list []study.Comparison) {
	all := contests(list)
	if len(all) == 0 {
		p.heading("Errors: none in these results")
	}
	for _, t := range all {
		p.table(t.table())
	}
}

// table prints t, columns two blanks apart.
func (p *printer) table(t *table) {
	p.heading(t.Title)
	lines := [][]cell{nil}
	for _, c := range t.Columns {
		lines[0] = append(lines[0], cell{Text: c.Head})
	}
	for _, g := range t.Groups {
		lines = append(lines, g.Rows...)
	}
	// Without bold the best has a star, and the others a blank for it.
	starred := make([]bool, len(t.Columns))
	widths := make([]int, len(t.Columns))
	for _, line := range lines {
		for j, c := range line {
			starred[j] = starred[j] || c.Look == best && !p.style.Bold
			widths[j] = max(widths[j], utf8.RuneCountInString(c.Text))
		}
	}
	for _, line := range lines {
		var b strings.Builder
		for j, c := range line {
			if j > 0 {
				b.WriteString("  ")
			}
			// The width is that of the text alone: escape codes take no room.
			pad := strings.Repeat(" ", widths[j]-utf8.RuneCountInString(c.Text))
			text := c.Text
			if c.Look == best || c.Look == bad {
				text = p.bold(text)
			}
			if t.Columns[j].Number {
				b.WriteString(pad + text)
			} else {
				b.WriteString(text + pad)
			}
			if starred[j] {
				b.WriteByte(" *"[btoi(c.Look == best)])
			}
		}
		p.line(b.String())
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
