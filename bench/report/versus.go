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
