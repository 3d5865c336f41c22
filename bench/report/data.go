package report

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/diffsolve/diffsolve/bench/study"
)

// JSON writes v, indented. Numbers that JSON does not have, NaN and the infinities, are null; a
// slice without elements is [] whether or not it is nil. Zero values of fields tagged omitempty are left out.
//
// encoding/json refuses such numbers. Decoding null into a float64 leaves it as it was, so who
// reads results back into Go and cares must decode into *float64.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(representable(reflect.ValueOf(v)))
}

// representable returns a copy of v that encoding/json accepts, with the same fields and tags.
func representable(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Float64, reflect.Float32:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return representable(v.Elem())
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = representable(v.Index(i))
		}
		return list
	case reflect.Struct:
		var fields []reflect.StructField
		var values []any
		for _, f := range reflect.VisibleFields(v.Type()) {
			tag := f.Tag.Get("json")
			left := tag == "-" || strings.HasSuffix(tag, ",omitempty") && v.FieldByIndex(f.Index).IsZero()
			if f.IsExported() && len(f.Index) == 1 && !left {
				fields = append(fields, reflect.StructField{Name: f.Name, Type: reflect.TypeFor[any](), Tag: f.Tag})
				values = append(values, representable(v.FieldByIndex(f.Index)))
			}
		}
		c := reflect.New(reflect.StructOf(fields)).Elem()
		for i, value := range values {
			if value != nil {
				c.Field(i).Set(reflect.ValueOf(value))
			}
		}
		return c.Interface()
	}
	return v.Interface()
}

// csvHeader names the columns of CSV as JSON does.
var csvHeader = []string{"problem", "solver", "grid", "nfe", "budget", "steps",
	"rmse", "median_error", "w2", "mean_error", "variance_error", "path_error", "seconds", "ns_per_element_step", "inversion_error", "reference_error", "tolerance", "rejected"}

// CSV writes a header and a line for each comparison. A number that is null, NaN or infinite is
// an empty cell. Measures of quality are left out: they are in the JSON alone.
func CSV(w io.Writer, list []study.Comparison) error {
	c := csv.NewWriter(w)
	if err := c.Write(csvHeader); err != nil {
		return err
	}
	for _, r := range list {
		line := []string{r.Problem, r.Solver, r.Grid, strconv.Itoa(r.NFE), strconv.Itoa(r.Budget), strconv.Itoa(r.Steps)}
		for _, v := range [...]*float64{r.RMSE, r.Median, r.W2, r.MeanError, r.VarianceError, r.PathError, &r.Seconds, r.Nanoseconds, r.Inversion, r.ReferenceError, r.Tolerance} {
			text := ""
			if v != nil && !math.IsNaN(*v) && !math.IsInf(*v, 0) {
				text = strconv.FormatFloat(*v, 'g', -1, 64)
			}
			line = append(line, text)
		}
		rejected := ""
		if r.Rejected != nil {
			rejected = strconv.Itoa(*r.Rejected)
		}
		line = append(line, rejected)
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
