package problem

import "strings"

// A Tree is a value of a JSON text that another package reads, with the complaints of this one: each is one
// line that begins with the name of the text and the path to the fault. The text keeps the first of them; after it,
// what is read is zero, so a reader reads on and looks at Err once.
type Tree struct{ n *node }

// ParseTree returns the value of a JSON text, which name stands for in complaints.
func ParseTree(name string, text []byte) (Tree, error) {
	n, err := parse(name, text)
	return Tree{n}, err
}

// Err returns the first complaint about the text.
func (t Tree) Err() error { return t.n.doc.err }

// Complain records err, unless it is nil, as a complaint about the value.
func (t Tree) Complain(err error) { t.n.complain(err) }

// Want complains that the value is not what it should be.
func (t Tree) Want(what string) { t.n.want(what) }

// Forbid complains if there is a value. why follows "not allowed".
func (t Tree) Forbid(why string) { t.n.forbid(why) }

// IsList reports whether the value is a list.
func (t Tree) IsList() bool {
	_, ok := t.n.value.(list)
	return ok
}

// String describes the value in a few words.
func (t Tree) String() string { return t.n.String() }

// Given reports whether there is a value, null included.
func (t Tree) Given() bool { return t.n.given() }

// Null reports whether the value is null.
func (t Tree) Null() bool { return t.n.given() && t.n.value == nil }

// Keys returns the keys of an object, in the order of the text.
func (t Tree) Keys() []string {
	members, ok := t.n.value.(object)
	if !ok {
		t.n.want("an object")
	}
	var keys []string
	for _, m := range members {
		keys = append(keys, m.key)
	}
	return keys
}

// Field returns the member of an object with the given key, or one that is not Given in its place.
func (t Tree) Field(key string) Tree { return Tree{t.n.field(key)} }

// Bool returns the value of true or false.
func (t Tree) Bool() bool {
	b, ok := t.n.value.(bool)
	if !ok {
		t.n.want("true or false")
	}
	return b
}

// Text returns the value of a string.
func (t Tree) Text() string { return t.n.text() }

// Path returns the value of a path, which begins in the folder dir if it is relative. want says what is wanted.
func (t Tree) Path(dir, want string) string { return t.n.pathFrom(dir, want) }

// Texts returns the values of a list of strings, which may be empty.
func (t Tree) Texts() []string {
	var texts []string
	for _, item := range t.items("a list of strings") {
		texts = append(texts, item.text())
	}
	return texts
}

// Choice returns the value of a string, which must be one of values.
func (t Tree) Choice(values ...string) string { return t.n.choice(values...) }

// Whole returns the value of a whole number from lo to hi.
func (t Tree) Whole(lo, hi int) int { return int(t.n.number(whole(lo, hi))) }

// Wholes returns the values of a list of whole numbers from lo to hi, which may be empty.
func (t Tree) Wholes(lo, hi int) []int {
	var values []int
	for _, item := range t.items("a list of whole numbers") {
		values = append(values, int(item.number(whole(lo, hi))))
	}
	return values
}

// Number returns the value of a number of which met is true; want says what is wanted, such as "a positive number".
func (t Tree) Number(want string, met func(v float64) bool) float64 {
	return t.n.number(demand{want, met})
}

// Numbers returns the values of a list of numbers, at least one, of each of which met is true.
func (t Tree) Numbers(want string, met func(v float64) bool) []float64 {
	return t.n.numbers(0, demand{want, met})
}

func (t Tree) items(what string) list {
	items, ok := t.n.value.(list)
	if !ok {
		t.n.want(what)
	}
	return items
}

// MinusInfinity reports whether the value is the text by which JSON writers stand in for negative infinity, "-inf" or "-Infinity".
func (t Tree) MinusInfinity() bool {
	s, _ := t.n.value.(string)
	return strings.EqualFold(s, "-inf") || strings.EqualFold(s, "-infinity")
}

// LoadTree reads a JSON file, which path stands for in complaints.
func LoadTree(path string) (Tree, error) {
	text, err := readFile(path)
	if err != nil {
		return Tree{}, err
	}
	return ParseTree(path, text)
}
