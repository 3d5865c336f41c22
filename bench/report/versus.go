package report

import (
	"fmt"
	"io"

	"github.com/diffsolve/diffsolve/bench/versus"
)

// Versus prints how long works take by how long they take others, in groups of works.
func Versus(w io.Writer, results []versus.Result, s Style) error {
	t := &table{Title: "time by the peer's, on the same work: median of the rounds, and least and most",
		Columns: []column{{Head: "work"}, {Head: "peer"}, {"threads", true}, {"ratio", true}, {"least", true}, {"most", true}, {"ours", true}, {"theirs", true}, {Head: "per"}}}
	for _, r := range results {
		if n := len(t.Groups); n == 0 || t.Groups[n-1].Name != r.Group {
			t.Groups = append(t.Groups, rows{Name: r.Group})
		}
		g := &t.Groups[len(t.Groups)-1]
		g.Rows = append(g.Rows, texts(r.Work, r.Peer, fmt.Sprint(r.Threads), compact(r.Ratio), compact(r.Least), compact(r.Most),
			duration(r.Ours), duration(r.Theirs), r.Unit))
	}
	p := newPrinter(w, s)
	p.table(t)
	return p.w.Flush()
}

// Sizes prints how the time of runs grows.
func Sizes(w io.Writer, sizes []versus.Size, s Style) error {
	t := &table{Title: "time of a run, and how it grows", Columns: []column{{Head: "what"}, {"size", true}, {"time", true}, {"factor", true}, {"cost", true}}}
	for _, z := range sizes {
		if n := len(t.Groups); n == 0 || t.Groups[n-1].Name != z.Kind {
			t.Groups = append(t.Groups, rows{Name: z.Kind})
		}
		g := &t.Groups[len(t.Groups)-1]
		g.Rows = append(g.Rows, texts(z.Kind, fmt.Sprint(z.Value), duration(z.Seconds), compact(z.Factor), compact(z.Cost)))
	}
	p := newPrinter(w, s)
	p.table(t)
	return p.w.Flush()
}

// DrawSizes writes a PNG of how the time of runs grows. The error names the file.
func DrawSizes(file string, sizes []versus.Size) error {
	ch := &chart{title: "What a larger run costs", xlabel: "times the size", ylabel: "times the time", labels: true, equal: true}
	box := newBounds()
	for _, z := range sizes {
		p := point{z.Factor, z.Cost}
		if !p.drawable() {
			continue
		}
		n := len(ch.curves)
		if n == 0 || ch.curves[n-1].name != z.Kind {
			ch.curves = append(ch.curves, curve{name: z.Kind, order: float64(n + 1)})
			n++
		}
		ch.curves[n-1].points = append(ch.curves[n-1].points, p)
		box.add(p)
		box.add(point{p.x, p.x})
	}
	if len(ch.curves) == 0 {
		return fmt.Errorf("report: %s: no sizes to draw", file)
	}
	ch.bounds = box.padded()
	align([]*chart{ch})
	f := &figure{alt: "time of a run against its rows, dimension, components and steps, on logarithmic axes", columns: 1, width: 520, height: 380,
		groups: []group{{panels: []panel{{ch.title, ch.draw}}}}}
	if err := replace(file, drawn(f, (*figure).png)); err != nil {
		return fmt.Errorf("report: %s: %w", file, err)
	}
	return nil
}

// duration writes seconds in a unit in which there are some.
func duration(seconds float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}} {
		if seconds >= u.size {
			return compact(seconds/u.size) + " " + u.name
		}
	}
	return compact(seconds/1e-9) + " ns"
}
