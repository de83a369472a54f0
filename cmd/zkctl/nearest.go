package main

import (
	"strings"
	"unicode/utf8"
)

// didYouMean is the end of a sentence about a name that does not exist: the nearest one that does, or otherwise if none is near.
func didYouMean(name, prefix string, names []string, otherwise string) string {
	best, least := "", utf8.RuneCountInString(name)/3+2
	for _, n := range names {
		d := distance(strings.ToLower(name), n)
		if name != "" && strings.HasPrefix(n, strings.ToLower(name)) {
			d = min(d, 1)
		}
		if d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return otherwise
	}
	return "did you mean " + prefix + best + "?"
}

// distance counts the characters to insert, delete, replace or swap with their neighbour to make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := range x {
		for j := range y {
			replace := rows[i][j]
			if x[i] != y[j] {
				replace++
			}
			d := min(rows[i][j+1]+1, rows[i+1][j]+1, replace)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(x)][len(y)]
}
