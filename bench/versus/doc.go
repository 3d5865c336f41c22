// Package versus times this toolkit against others on the same work, side by side.
//
// The other toolkits run in a Python process, bench/peers/versus.py, that makes a round of a named work on request. Rounds of
// both sides alternate, so that what disturbs the machine disturbs both, and what is reported is ratios: absolute times
// mean little on a machine that is shared.
package versus
