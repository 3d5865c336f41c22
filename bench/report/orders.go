package report

import (
	"slices"

	"github.com/diffsolve/diffsolve/bench/study"
)

// kinds says what the error of each kind of order is of.
var kinds = map[string]string{
	"ode":    "error of the solution of the probability flow",
	"weak":   "error of the law of the samples",
	"strong": "error of the path",
}

// orderFigure draws the error of each order entry against its steps, a panel for each kind
// and problem. It is nil if there is nothing to draw.
func orderFigure(list []study.Order) *figure {
	type place struct{ kind, problem string }
	var kinds []string
	var places []place
	members := map[place][]curve{}
	boxes := map[string]*bounds{} // of each kind, for errors of different kinds are not compared
	for _, o := range list {
		u := curve{name: o.Solver, order: o.Claimed, alarm: !o.Certified}
		for i := range min(len(o.Steps), len(o.Errors)) {
			if p := (point{float64(o.Steps[i]), o.Errors[i]}); p.drawable() {
				u.points = append(u.points, p)
			}
		}
		if len(u.points) == 0 {
			continue
		}
		if boxes[o.Kind] == nil {
			kinds, boxes[o.Kind] = append(kinds, o.Kind), newBounds()
		}
		for _, p := range u.points {
			boxes[o.Kind].add(p)
		}
		k := place{o.Kind, o.Problem}
		if members[k] == nil {
			places = append(places, k)
		}
		members[k] = append(members[k], u)
	}
	if len(places) == 0 {
		return nil
	}
	slices.SortStableFunc(places, func(a, b place) int { // the problems of a kind together
		return slices.Index(kinds, a.kind) - slices.Index(kinds, b.kind)
	})
	f := &figure{
		title:   "Error against steps",
		alt:     "error against steps of every solver, coloured by the order it claims, on logarithmic axes",
		columns: 3, width: 390, height: 340,
	}
	var charts []*chart
	var all [][]curve
	g := group{}
	for _, k := range places {
		ch := &chart{
			title: k.problem + ": " + k.kind + " order", xlabel: "steps", ylabel: "error",
			bounds: boxes[k.kind].padded(), curves: merged(members[k]),
		}
		charts, all = append(charts, ch), append(all, members[k])
		g.panels = append(g.panels, panel{ch.title, ch.draw})
	}
	align(charts)
	if len(g.panels)%f.columns != 0 {
		g.panels = append(g.panels, panel{"key to the colours", key{orders: ordersOf(all...)}.draw})
	}
	f.groups = []group{g}
	return f
}
