package problem

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/scoremodel/digitsnet"
	"github.com/diffsolve/diffsolve/sde"
)

// builtinDigitsNet tells the network each digit in turn and guides it by nothing else.
func builtinDigitsNet(name, about string) (*Problem, error) {
	n := digitsnet.New()
	m, err := newDigitsNet(n, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, n.Schedule())
	if err != nil {
		return nil, err
	}
	p := New(name, about, n.Schedule(), m)
	p.addDigits()
	return p, nil
}

// newDigitsNet returns the network for the given labels, see digitsnet.Network.Model, with classifier-free guidance unless it is 1.
func newDigitsNet(n *digitsnet.Network, labels []int, guidance float64, s sde.Schedule) (network, error) {
	m, err := n.Model(labels...)
	if err != nil {
		return network{}, err
	}
	net := Network{Model: m, Dim: digitsnet.Dim, ImageSide: scoremodel.DigitSide, Single: true,
		Class: func(i int) (int, bool) { return m.Label(i), m.Label(i) != digitsnet.NoLabel },
		Relabel: func(labels []int) (Network, error) {
			told, err := newDigitsNet(n, labels, guidance, s)
			return told.Network, err
		}}
	if guidance != 1 {
		net.Model, err = scoremodel.CFG{Scale: guidance}.Guide(m, nil, digitsnet.Dim, s)
	}
	return network{net}, err
}

// readDigitsNet reads the labels and the guidance. The schedule must be near the one that the network was trained under.
func readDigitsNet(n *node, s sde.Schedule, _ string) (model, error) {
	guidance := n.field("guidance").numberOr(1, notNegative)
	var labels []int
	if f := n.field("labels"); f.given() {
		for _, l := range f.numbers(0, whole(0, digitsnet.NoLabel)) {
			labels = append(labels, int(l))
		}
	}
	net := digitsnet.New()
	if n.failed() {
		return nil, nil
	}
	n.parent.field("schedule").complain(near(s, net.Schedule()))
	return newDigitsNet(net, labels, guidance, s)
}

// near returns an error unless s has, at the times of its domain, about the noise that a network was trained for at those times.
func near(s, trained sde.Schedule) error {
	tmin, tmax := s.Domain()
	if lo, hi := trained.Domain(); !(tmin >= lo && tmax <= hi) {
		return fmt.Errorf("times from %v to %v, the network was trained for those from %v to %v", tmin, tmax, lo, hi)
	}
	const parts = 8
	for i := range parts + 1 {
		t := tmin + (tmax-tmin)*float64(i)/parts
		p, q := s.At(t), trained.At(t)
		if !(math.Abs(p.Lambda()-q.Lambda()) < 0.1 && math.Abs(p.Alpha-q.Alpha) < 0.01) {
			return fmt.Errorf("at time %v alpha is %.4g and lambda %.4g, the network was trained for %.4g and %.4g", t, p.Alpha, p.Lambda(), q.Alpha, q.Lambda())
		}
	}
	return nil
}
