// Package arch tests the order in which the module's packages import each other.
package arch
