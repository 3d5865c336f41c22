package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/scoremodel/onnx"
	"github.com/diffsolve/diffsolve/sde"
)

// A runtime reads networks. They stay open as long as the process.
type runtime struct{ library string }

// kind is that of the models that r reads.
func (r *runtime) kind() problem.Kind {
	return problem.Kind{
		Name: "onnx",
		Fields: []string{"file", "prediction", "time", "time_steps", "between", "time_scale", "inputs", "class", "plain", "guidance", "rescale",
			"clip", "shapes", "sample", "told", "output", "batch", "threads"},
		Read: r.read,
	}
}

func (r *runtime) read(t problem.Tree, s sde.Schedule, dir string) (problem.Network, error) {
	file := t.Field("file").Path(dir, "the path of an .onnx file")
	o := onnx.Options{
		Library: r.library,
		Inputs:  values(t.Field("inputs")),
		Shapes:  shapes(t.Field("shapes")),
		Sample:  name(t.Field("sample")), Time: name(t.Field("told")), Output: name(t.Field("output")),
	}
	complain(t.Field("prediction"), o.Kind.UnmarshalText)
	const most = 1 << 16
	if f := t.Field("batch"); f.Given() {
		o.Batch = f.Whole(1, most)
	}
	if f := t.Field("threads"); f.Given() {
		o.Threads = f.Whole(1, most)
	}
	d := denoiser{times: readTimes(t, s), guidance: readGuidance(t), schedule: s}
	if f := t.Field("clip"); f.Given() {
		d.clip = f.Number("a positive number", func(v float64) bool { return v > 0 })
	}
	d.class = readClass(t)
	if t.Err() != nil {
		return problem.Network{}, nil
	}
	net, err := onnx.Open(file, o)
	if errors.Is(err, onnx.ErrLibrary) && strings.Contains(err.Error(), onnx.Variable) { // not where there is no cgo
		err = fmt.Errorf("%w, or give it by --%s", err, libraryFlag)
	}
	if err != nil {
		return problem.Network{}, err
	}
	if d.class == "" {
		n, err := d.network(net)
		n.Relabel = func([]int) (problem.Network, error) {
			return problem.Network{}, errors.New(`which input is the class? The member "class" of the model names it`)
		}
		return n, err
	}
	return d.labelled(net, o.Inputs[d.class])
}

// A denoiser is what a network is made into one by.
type denoiser struct {
	times    scoremodel.Times
	schedule sde.Schedule
	guidance guidance
	clip     float64 // 0 for none
	class    string  // the input that is a class; empty for none
}

func (d denoiser) network(net *onnx.Model) (problem.Network, error) {
	g := d.guidance
	var m scoremodel.Model = net
	if g.plain != nil {
		plain, err := net.With(g.plain)
		if err != nil {
			return problem.Network{}, err
		}
		if m, err = net.Pair(plain); err != nil {
			return problem.Network{}, err
		}
	}
	m, err := d.times.Apply(m, d.schedule)
	if err != nil {
		return problem.Network{}, err
	}
	if g.plain != nil {
		if m, err = (scoremodel.CFG{Scale: g.scale, Rescale: g.rescale, In: net.Kind()}).Guide(m, nil, net.Dim(), d.schedule); err != nil {
			return problem.Network{}, err
		}
	}
	if d.clip > 0 {
		if m, err = (scoremodel.StaticThreshold{Limit: d.clip}).Apply(m, d.schedule); err != nil {
			return problem.Network{}, err
		}
	}
	return problem.Network{Model: m, Dim: net.Dim(), ImageSide: side(net.Shape()), Single: true}, nil
}

// labelled is network told the given classes. A row of the class that the plain prediction is told is one that may be of any.
func (d denoiser) labelled(net *onnx.Model, labels []float64) (problem.Network, error) {
	if _, err := net.With(map[string][]float64{d.class: labels[:1]}); err != nil {
		return problem.Network{}, fmt.Errorf("class is %s, want an input that is one number: %w", d.class, err)
	}
	told, err := net.With(map[string][]float64{d.class: labels})
	if err != nil {
		return problem.Network{}, err
	}
	n, err := d.network(told)
	if err != nil {
		return problem.Network{}, err
	}
	n.Class = func(i int) (int, bool) {
		label := labels[i%len(labels)]
		return int(label), !slices.Contains(d.guidance.plain[d.class], label)
	}
	n.Relabel = func(labels []int) (problem.Network, error) {
		var values []float64
		for _, l := range labels {
			values = append(values, float64(l))
		}
		return d.labelled(net, values)
	}
	return n, nil
}

// readClass reads the name of the input that is a class.
func readClass(t problem.Tree) string {
	f := t.Field("class")
	if !f.Given() {
		return ""
	}
	class, inputs := f.Text(), t.Field("inputs")
	if t.Err() == nil && !(inputs.Given() && slices.Contains(inputs.Keys(), class)) {
		f.Want("the name of one of the inputs")
	}
	if t.Err() != nil {
		return ""
	}
	const most = 1 << 30
	if of := inputs.Field(class); of.IsList() {
		of.Wholes(0, most)
	} else {
		of.Whole(0, most)
	}
	return class
}

// guidance is what is given of it. plain is nil without.
type guidance struct {
	plain          map[string][]float64
	scale, rescale float64
}

func readGuidance(t problem.Tree) guidance {
	plain, scale, rescale := t.Field("plain"), t.Field("guidance"), t.Field("rescale")
	if !scale.Given() {
		for _, f := range []problem.Tree{plain, rescale} {
			f.Forbid("without guidance")
		}
		return guidance{}
	}
	g := guidance{plain: values(plain), scale: scale.Number("a number not below 0", func(v float64) bool { return v >= 0 })}
	if len(g.plain) == 0 {
		plain.Want("an object with the values of inputs that take the condition away")
	}
	if rescale.Given() {
		g.rescale = rescale.Number("a number from 0 to 1", func(v float64) bool { return v >= 0 && v <= 1 })
	}
	return g
}

// readTimes reads how the network is told the time. A table has as many steps as the schedule, if that is one too.
func readTimes(t problem.Tree, s sde.Schedule) scoremodel.Times {
	var c scoremodel.Times
	complain(t.Field("time"), c.Kind.UnmarshalText)
	if table, ok := s.(interface{ Steps() int }); ok && c.Kind == scoremodel.TimeIndex {
		c.Steps = table.Steps()
	}
	if f := t.Field("time_steps"); f.Given() {
		const most = 1_000_000
		c.Steps = f.Whole(1, most)
	}
	if f := t.Field("between"); f.Given() {
		complain(f, c.Between.UnmarshalText)
	}
	if f := t.Field("time_scale"); f.Given() {
		c.Scale = f.Number("a positive number", func(v float64) bool { return v > 0 })
	}
	if t.Err() == nil {
		tmin, tmax := s.Domain()
		for _, end := range []float64{tmin, tmax} { // the schedule may have times that the network was not trained for
			_, err := c.At(s, end)
			t.Field("time").Complain(err)
		}
	}
	return c
}

// complain reads a word.
func complain(t problem.Tree, read func([]byte) error) {
	if text := t.Text(); t.Err() == nil {
		t.Complain(read([]byte(text)))
	}
}

func name(t problem.Tree) string {
	if !t.Given() {
		return ""
	}
	return t.Text()
}

// values reads an object whose members are numbers, or lists of numbers.
func values(t problem.Tree) map[string][]float64 {
	if !t.Given() {
		return nil
	}
	finite := func(float64) bool { return true }
	out := map[string][]float64{}
	for _, key := range t.Keys() {
		if f := t.Field(key); f.IsList() {
			out[key] = f.Numbers("a number", finite)
		} else {
			out[key] = []float64{f.Number("a number or a list of numbers", finite)}
		}
	}
	return out
}

// shapes reads an object whose members are lists of whole numbers.
func shapes(t problem.Tree) map[string][]int {
	if !t.Given() {
		return nil
	}
	out := map[string][]int{}
	for _, key := range t.Keys() {
		out[key] = t.Field(key).Wholes(1, math.MaxInt32)
	}
	return out
}

// side returns the side of the square images of the given shape, grey or in three colours, and 0 if it is that of others.
func side(shape []int) int {
	n := len(shape)
	if n < 2 || n > 3 || shape[n-1] != shape[n-2] || n == 3 && shape[0] != 1 && shape[0] != 3 {
		return 0
	}
	return shape[n-1]
}
