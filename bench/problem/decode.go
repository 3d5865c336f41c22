package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/diffsolve/diffsolve/solvers"
)

// A document is a JSON text that is being read. It keeps the first complaint, prefixed with the place
// that it is about; after one, what is read is zero. So a reader reads on and looks once, at the end.
type document struct {
	name string
	err  error
}

// A node is a value of a document, or the place where one is missing.
type node struct {
	doc    *document
	parent *node  // nil for the whole document
	key    string // of a member of an object
	index  int    // of an item of a list; -1 for a member
	value  any    // nil, bool, json.Number, string, list, object or missing
}

type (
	list    []*node
	object  []*node // in the order of the text, each key once
	missing struct{}
)

// maxDepth is the number of lists and objects around a value. A problem needs five; the limit keeps
// paths, and so complaints, short.
const maxDepth = 16

// parse returns the root of a JSON text.
func parse(name string, text []byte) (*node, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%s: the file is empty", name)
	}
	// The tokens of a Decoder come without a usable position for what is wrong, so the syntax is checked first.
	if err := json.Unmarshal(text, new(json.RawMessage)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, locate(text, err))
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	root := &node{doc: &document{name: name}, index: -1}
	root.build(dec, 0)
	return root, root.doc.err
}

// locate adds line and column, in characters and from 1, to a syntax error.
func locate(text []byte, err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	message := syntax.Error()
	at := min(int(syntax.Offset), len(text))
	if at > 0 && !strings.HasPrefix(message, "unexpected end") {
		at-- // Offset counts the bytes read, the wrong one included
	}
	for _, literal := range []string{"NaN", "Infinity"} { // as Python writes them
		if bytes.HasPrefix(text[at:], []byte(literal)) {
			message = literal + " is not a JSON number"
		}
	}
	before := text[:at]
	start := bytes.LastIndexByte(before, '\n') + 1
	return fmt.Errorf("line %d, column %d: %s", bytes.Count(before, []byte("\n"))+1, utf8.RuneCount(before[start:])+1, message)
}

// build reads the value of n, and all that is in it, from dec.
func (n *node) build(dec *json.Decoder, depth int) {
	token, err := dec.Token()
	n.complain(err)
	delim, ok := token.(json.Delim)
	if !ok {
		n.value = token
		return
	}
	if depth == maxDepth {
		n.complain(fmt.Errorf("nested more than %d deep", maxDepth))
	}
	var nodes []*node
	seen := map[string]bool{}
	for i := 0; n.doc.err == nil && dec.More(); i++ {
		child := &node{doc: n.doc, parent: n, index: i}
		if delim == '{' {
			key, err := dec.Token()
			n.complain(err)
			child.key, _ = key.(string)
			child.index = -1
			if seen[child.key] {
				child.complain(errors.New("given twice"))
			}
			seen[child.key] = true
		}
		child.build(dec, depth+1)
		nodes = append(nodes, child)
	}
	if n.doc.err == nil {
		_, err = dec.Token() // the closing bracket
		n.complain(err)
	}
	if delim == '{' {
		n.value = object(nodes)
	} else {
		n.value = list(nodes)
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z_0-9]{0,39}$`)

// path returns where n is, such as model.means[1][0]; it is empty for the whole document.
func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	path := n.parent.path()
	switch {
	case n.index >= 0:
		return fmt.Sprintf("%s[%d]", path, n.index)
	case !plainKey.MatchString(n.key):
		return fmt.Sprintf("%s[%q]", path, abbreviate(n.key))
	case path == "":
		return n.key
	}
	return path + "." + n.key
}

// String describes the value of n in a few words.
func (n *node) String() string {
	switch v := n.value.(type) {
	case string:
		return fmt.Sprintf("%q", abbreviate(v))
	case json.Number:
		return abbreviate(v.String())
	case list:
		if len(v) == 0 {
			return "an empty list"
		}
		return "a list"
	case object:
		return "an object"
	case missing:
		return "missing"
	case nil:
		return "null"
	}
	return fmt.Sprint(n.value)
}

// abbreviate keeps complaints about strange input short.
func abbreviate(s string) string {
	const limit = 40
	if r := []rune(s[:min(len(s), limit*utf8.UTFMax)]); len(r) > limit || len(s) > limit*utf8.UTFMax {
		return string(r[:limit]) + "…"
	}
	return s
}

// failed reports whether there was a complaint about the document.
func (n *node) failed() bool { return n.doc.err != nil }

// complain records err, unless it is nil, as a complaint about n.
func (n *node) complain(err error) {
	if err == nil || n.failed() {
		return
	}
	place := n.doc.name
	if path := n.path(); path != "" {
		place += ": " + path
	}
	n.doc.err = fmt.Errorf("%s: %w", place, err)
}

// want complains that the value is not what it should be.
func (n *node) want(what string) {
	if !n.given() {
		n.complain(errors.New("missing, want " + what))
	}
	n.complain(fmt.Errorf("%v: want %s", n, what))
}

// given reports whether there is a value, null included.
func (n *node) given() bool {
	_, absent := n.value.(missing)
	return !absent
}

// forbid complains if there is a value.
func (n *node) forbid(why string) {
	if n.given() {
		n.complain(errors.New("not allowed " + why))
	}
}

// field returns the member of an object with the given key, or a missing node in its place.
func (n *node) field(key string) *node {
	members, ok := n.value.(object)
	if !ok {
		n.want("an object")
	}
	for _, m := range members {
		if m.key == key {
			return m
		}
	}
	return &node{doc: n.doc, parent: n, key: key, index: -1, value: missing{}}
}

// only complains of a member of an object whose key is not one of keys.
func (n *node) only(keys ...string) {
	members, ok := n.value.(object)
	if !ok {
		n.want("an object")
	}
	for _, m := range members {
		n.complain(unknown("field", m.key, keys))
	}
}

// unknown returns an error, with a suggestion, unless name is one of names.
func unknown(what, name string, names []string) error {
	for _, known := range names {
		if name == known {
			return nil
		}
	}
	return solvers.Unknown(what, abbreviate(name), names)
}

// oneOf returns the one member of an object that is given, of several that exclude each other.
func (n *node) oneOf(keys ...string) *node {
	var one *node
	for _, key := range keys {
		switch f := n.field(key); {
		case !f.given():
		case one == nil:
			one = f
		default:
			n.complain(fmt.Errorf("%s and %s are both given, want one of them", one.key, key))
		}
	}
	if one == nil {
		n.complain(fmt.Errorf("want one of %s", strings.Join(keys, ", ")))
		return n.field(keys[0])
	}
	return one
}

// text returns the value of a string.
func (n *node) text() string {
	s, ok := n.value.(string)
	if !ok {
		n.want("a string")
	}
	return s
}

// choice returns the value of a string, which must be one of values.
func (n *node) choice(values ...string) string {
	s, ok := n.value.(string)
	if !ok {
		n.want("one of " + strings.Join(values, ", "))
	}
	n.complain(unknown(n.key, s, values))
	return s
}

// huge bounds the size of the numbers of a document, so that their squares and products do not overflow.
const huge = 1e100

// A demand is what a number has to be. Its text follows "want".
type demand struct {
	text string
	met  func(v float64) bool
}

var (
	anyNumber   = demand{"a number", func(v float64) bool { return true }}
	positive    = demand{"a positive number", func(v float64) bool { return v > 0 }}
	notNegative = demand{"a number not below 0", func(v float64) bool { return v >= 0 }}
	fraction    = demand{"a number between 0 and 1", func(v float64) bool { return v > 0 && v < 1 }}
)

// whole demands a whole number from lo to hi.
func whole(lo, hi int) demand {
	return demand{fmt.Sprintf("a whole number from %d to %d", lo, hi), func(v float64) bool {
		return v >= float64(lo) && v <= float64(hi) && v == float64(int(v))
	}}
}

// number returns the value of a number.
func (n *node) number(d demand) float64 {
	literal, ok := n.value.(json.Number)
	if !ok {
		n.want(d.text)
		return 0
	}
	v, err := literal.Float64()
	switch {
	case err != nil || math.Abs(v) > huge: // an error is one of range, for the syntax is right
		n.want(fmt.Sprintf("a number from -%v to %v", huge, huge))
	case !d.met(v):
		n.want(d.text)
	default:
		return v
	}
	return 0
}

// numberOr returns the value of a number, or otherwise if it is missing.
func (n *node) numberOr(otherwise float64, d demand) float64 {
	if !n.given() {
		return otherwise
	}
	return n.number(d)
}

// items returns the items of a list of the given length, at least 1; length 0 is any.
func (n *node) items(length int, what string) list {
	items, _ := n.value.(list)
	switch {
	case len(items) == 0:
		n.want(what)
	case length > 0 && len(items) != length:
		n.complain(fmt.Errorf("length %d, want %d", len(items), length))
		return nil
	}
	return items
}

// numbers returns the values of a list of numbers of the given length; length 0 is any but 0.
func (n *node) numbers(length int, d demand) []float64 {
	var values []float64
	for _, item := range n.items(length, "a list of numbers") {
		values = append(values, item.number(d))
	}
	return values
}

// matrix returns the values of a list of rows lists of cols numbers; cols 0 is any but 0, the same for each row.
func (n *node) matrix(rows, cols int, d demand) [][]float64 {
	var values [][]float64
	for _, item := range n.items(rows, "a list of lists of numbers") {
		row := item.numbers(cols, d)
		cols = len(row)
		values = append(values, row)
	}
	return values
}
