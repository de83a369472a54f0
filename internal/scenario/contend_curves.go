package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// The measures of a picture, in units of its view box.
const (
	curvesWidth  = 560.0
	curvesHeight = 360.0
	curvesLeft   = 58.0
	curvesRight  = 442.0 // the names of the curves are right of it
	curvesTop    = 18.0
	curvesBottom = 318.0
)

// A contendCurves is a picture of curves over the number of workers, with logarithmic scales, ready for the template.
type contendCurves struct {
	Title, Description string
	Width, Height      float64
	Grid               []segment
	Ticks              []label
	Curves             []contendCurve
	Marks              []contendMark
}

type (
	contendCurve struct {
		Class  string // of the strategy, for its colour
		Points string // of a polyline
		Dots   []contendDot
		Name   label
	}
	contendDot struct {
		X, Y, R float64
		Tip     string
	}
	contendMark struct {
		X, Top, Bottom float64
		Text           label
	}
)

// curvesOf draws one figure of all strategies. The model is a curve of its own; marks are crossovers.
func curvesOf(v contendView, workload, title, suffix string, only []string, model func(int) float64, marks string) contendCurves {
	c := contendCurves{Title: title, Width: curvesWidth, Height: curvesHeight}
	type line struct {
		name, class string
		points      []contendPoint
	}
	var lines []line
	for _, s := range v.strategies(workload) {
		if points := v.curve(workload, s, suffix); len(points) > 0 && (only == nil || slices.Contains(only, s)) {
			lines = append(lines, line{s, s, points})
		}
	}
	if model != nil {
		var points []contendPoint
		for _, w := range v.params.Workers {
			points = append(points, contendPoint{float64(w), model(w)})
		}
		lines = append(lines, line{"model of cas", "model", points})
	}
	low, high := math.Inf(1), 0.0
	for _, l := range lines {
		for _, p := range l.points {
			low, high = min(low, p.value), max(high, p.value)
		}
	}
	if high == 0 {
		return c
	}
	low, high = math.Log10(low)-0.08, math.Log10(high)+0.08
	first, last := math.Log(float64(v.params.Workers[0])), math.Log(float64(v.params.Workers[len(v.params.Workers)-1]))
	x := func(workers float64) float64 {
		if last == first {
			return (curvesLeft + curvesRight) / 2
		}
		return unit(curvesLeft + (math.Log(workers)-first)/(last-first)*(curvesRight-curvesLeft))
	}
	y := func(value float64) float64 {
		return unit(curvesBottom - (math.Log10(value)-low)/(high-low)*(curvesBottom-curvesTop))
	}
	for decade := math.Floor(low); decade <= high; decade++ {
		for _, step := range []float64{1, 2, 5} {
			if at := decade + math.Log10(step); at >= low && at <= high {
				value := step * math.Pow(10, decade)
				c.Grid = append(c.Grid, segment{curvesLeft, y(value), curvesRight, y(value), "rail"})
				c.Ticks = append(c.Ticks, label{X: curvesLeft - 8, Y: y(value) + 4, Anchor: "end", Class: "tick", Body: tickText(value)})
			}
		}
	}
	for _, w := range v.params.Workers {
		c.Grid = append(c.Grid, segment{x(float64(w)), curvesTop, x(float64(w)), curvesBottom, "rail"})
		c.Ticks = append(c.Ticks, label{X: x(float64(w)), Y: curvesBottom + 18, Anchor: "middle", Class: "tick", Body: strconv.Itoa(w)})
	}
	c.Ticks = append(c.Ticks, label{X: (curvesLeft + curvesRight) / 2, Y: curvesBottom + 36, Anchor: "middle", Class: "tick", Body: "workers"})
	for _, l := range lines {
		curve := contendCurve{Class: l.class}
		for _, p := range l.points {
			curve.Points += fmt.Sprintf("%g,%g ", x(p.workers), y(p.value))
			curve.Dots = append(curve.Dots, contendDot{x(p.workers), y(p.value), 3.5, fmt.Sprintf("%s, %s: %s", l.name, count(int(p.workers), "worker"), tickText(p.value))})
		}
		end := l.points[len(l.points)-1]
		curve.Name = label{X: x(end.workers) + 10, Y: y(end.value) + 4, Anchor: "start", Class: "name " + l.class, Body: l.name}
		c.Curves = append(c.Curves, curve)
		c.Description += fmt.Sprintf("%s: from %s to %s. ", l.name, tickText(l.points[0].value), tickText(end.value))
	}
	c.spread()
	if at, ok := v.report.Figures[workload+"_crossover_"+marks+"_w"]; ok && marks != "" {
		text := fmt.Sprintf("lock overtakes cas at %.0f", at)
		c.Marks = append(c.Marks, contendMark{X: x(at), Top: curvesTop, Bottom: curvesBottom, Text: label{X: x(at) - 6, Y: curvesTop + 12, Anchor: "end", Class: "mark", Body: text}})
		if x(at) < curvesLeft+150 {
			c.Marks[0].Text.X, c.Marks[0].Text.Anchor = x(at)+6, "start"
		}
	}
	return c
}

// spread moves the names of curves apart where they would be on top of each other.
func (c *contendCurves) spread() {
	const least = 15
	order := make([]*label, len(c.Curves))
	for i := range c.Curves {
		order[i] = &c.Curves[i].Name
	}
	slices.SortFunc(order, func(a, b *label) int { return int(math.Copysign(1, a.Y-b.Y)) })
	for range 20 {
		for i := 1; i < len(order); i++ {
			if gap := order[i].Y - order[i-1].Y; gap < least {
				order[i-1].Y, order[i].Y = unit(order[i-1].Y-(least-gap)/2), unit(order[i].Y+(least-gap)/2)
			}
		}
	}
}

// tickText writes a value of an axis.
func tickText(f float64) string {
	switch {
	case f >= 1e3:
		return trimZero(strconv.FormatFloat(f/1e3, 'f', 1, 64)) + "k"
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return trimZero(strconv.FormatFloat(f, 'f', 1, 64))
}
