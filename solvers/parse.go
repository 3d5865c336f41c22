package solvers

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A Parameter is a setting of a solver or a grid that can be given as text.
type Parameter struct {
	Name    string
	Default string
	About   string
	Values  []string // the values allowed, if they can be listed
}

// ByName returns the solver of the catalogue with the given name, to which parameters may be added
// after a colon: "ddim:eta=0.5". The error of an unknown name suggests the nearest.
func ByName(text string) (Solver, error) {
	return byName(text, "solver", catalog, func(s Solver) string { return s.Info().Name })
}

// GridByName returns the grid with the given name, such as "karras:rho=5".
func GridByName(text string) (Grid, error) {
	return byName(text, "grid", Grids(), Grid.Name)
}

// Parameters returns the settings of a solver or a grid: its fields with a param tag.
func Parameters(v any) []Parameter {
	var ps []Parameter
	for _, f := range fields(v) {
		p := Parameter{Name: f.Tag.Get("param"), About: f.Tag.Get("about"), Default: f.Tag.Get("default")}
		if list := f.Tag.Get("values"); list != "" {
			p.Values = strings.Split(list, "|")
		}
		if p.Default == "" {
			p.Default = fmt.Sprint(reflect.ValueOf(v).FieldByIndex(f.Index))
		}
		if p.Default == "" && len(p.Values) > 0 {
			p.Default = p.Values[0]
		}
		ps = append(ps, p)
	}
	return ps
}

// Name returns the text by which ByName finds s again: its name in the catalogue and the
// parameters in which it differs from the catalogue's solver.
func Name(s Solver) string {
	name := s.Info().Name
	for _, c := range catalog {
		if c.Info().Name == name && reflect.TypeOf(c) == reflect.TypeOf(s) {
			return name + differences(s, c)
		}
	}
	return name
}

// GridName returns the text by which GridByName finds g again.
func GridName(g Grid) string {
	for _, c := range Grids() {
		if c.Name() == g.Name() && reflect.TypeOf(c) == reflect.TypeOf(g) {
			return g.Name() + differences(g, c)
		}
	}
	return g.Name()
}

func differences(v, from any) string {
	var parts []string
	for _, f := range fields(v) {
		a, b := reflect.ValueOf(v).FieldByIndex(f.Index), reflect.ValueOf(from).FieldByIndex(f.Index)
		if !a.Equal(b) {
			parts = append(parts, fmt.Sprintf("%s=%v", f.Tag.Get("param"), a))
		}
	}
	if parts == nil {
		return ""
	}
	return ":" + strings.Join(parts, ",")
}

func fields(v any) []reflect.StructField {
	var out []reflect.StructField
	if t := reflect.TypeOf(v); t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			if f.Tag.Get("param") != "" {
				out = append(out, f)
			}
		}
	}
	return out
}

func field(v any, name string) *reflect.StructField {
	for _, f := range fields(v) {
		if f.Tag.Get("param") == name {
			return &f
		}
	}
	return nil
}

// byName looks text up among the candidates and sets the parameters that it gives.
func byName[T any](text, what string, candidates []T, nameOf func(T) string) (T, error) {
	var zero T
	name, settings, given := strings.Cut(text, ":")
	var names []string
	for _, c := range candidates {
		names = append(names, nameOf(c))
		if nameOf(c) != name {
			continue
		}
		if !given {
			return c, nil
		}
		v := reflect.New(reflect.TypeOf(c)).Elem()
		v.Set(reflect.ValueOf(c))
		for setting := range strings.SplitSeq(settings, ",") {
			if err := set(v, c, setting); err != nil {
				return zero, fmt.Errorf("%s %s: %w", what, name, err)
			}
		}
		return v.Interface().(T), nil
	}
	return zero, Unknown(what, name, names)
}

func set(v reflect.Value, candidate any, setting string) error {
	key, text, ok := strings.Cut(setting, "=")
	if !ok {
		return fmt.Errorf("%w: %q, want name=value", ErrParameter, setting)
	}
	var names []string
	for _, p := range Parameters(candidate) {
		names = append(names, p.Name)
	}
	f := field(candidate, key)
	if f == nil {
		if len(names) == 0 {
			return fmt.Errorf("%w: it has no parameters, %q is given", ErrParameter, setting)
		}
		return Unknown("parameter", key, names)
	}
	to := v.FieldByIndex(f.Index)
	var err error
	switch to.Kind() {
	case reflect.Float64:
		var x float64
		if x, err = strconv.ParseFloat(text, 64); err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
			err = fmt.Errorf("not finite")
		}
		to.SetFloat(x)
	case reflect.Int:
		var x int
		x, err = strconv.Atoi(text)
		to.SetInt(int64(x))
	case reflect.Bool:
		var x bool
		x, err = strconv.ParseBool(text)
		to.SetBool(x)
	case reflect.String:
		values := strings.Split(f.Tag.Get("values"), "|")
		if !slices.Contains(values, text) {
			return Unknown("value of "+key, text, values)
		}
		to.SetString(text)
	default:
		panic("solvers: parameter of a kind that text cannot set")
	}
	if err != nil {
		return fmt.Errorf("%w: %s is %q, want %s", ErrParameter, key, text, map[reflect.Kind]string{
			reflect.Float64: "a number", reflect.Int: "a whole number", reflect.Bool: "true or false"}[to.Kind()])
	}
	return nil
}

// manyNames is how many names an error lists.
const manyNames = 30

// Unknown returns an error that wraps ErrUnknown and names what was looked for, the
// nearest of the names that exist, or, if none is near, what
// there is.
func Unknown(what, name string, names []string) error {
	nearest, least := "", max(2, len(name)/3+1)
	for _, n := range names {
		if d := editDistance(name, n); d < least {
			nearest, least = n, d
		}
	}
	hint := ""
	if nearest != "" {
		hint = fmt.Sprintf(", did you mean %q?", nearest)
	} else if len(names) > manyNames {
		hint = fmt.Sprintf(", want one of %s and %d more", strings.Join(names[:manyNames], ", "), len(names)-manyNames)
	} else {
		hint = ", want one of " + strings.Join(names, ", ")
	}
	return &unknownError{fmt.Sprintf("unknown %s %q%s", what, name, hint)}
}

type unknownError struct{ text string }

func (e *unknownError) Error() string { return e.text }
func (*unknownError) Unwrap() error   { return ErrUnknown }

// editDistance returns how many insertions, deletions, replacements and swaps of neighbours turn a into b.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(replace, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
