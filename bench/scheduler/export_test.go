package scheduler

import (
	"maps"
	"slices"
)

// ClassNames returns the names of the classes.
func ClassNames() []string { return slices.Sorted(maps.Keys(classes)) }

// Fields returns the fields of a class and their defaults.
func Fields(class string) map[string]any { return classes[class].fields }
