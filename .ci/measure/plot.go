package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// point is what one cycle took for so many people.
type point struct{ people, seconds float64 }

// line is what one kind of cycle takes as people grow.
type line struct {
	name, color string
	points      []point
}

var cycleName = regexp.MustCompile(`^BenchmarkSuite/people=(\d+)/Cycles/groups=10/(\w+?)(-\d+)?$`)

// lines reads how long cycles took out of what benchmarks printed.
func lines(text string) []line {
	all := []line{{"initial sync", "#b3261e", nil}, {"full cycle, nothing changed", "#0b57d0", nil},
		{"incremental, 1 % changed", "#7d5700", nil}, {"incremental, nothing changed", "#146c2e", nil}}
	which := map[string]int{"initial": 0, "full": 1, "changed": 2, "incremental": 3}
	for printed := range strings.Lines(text) {
		fields := strings.Fields(printed)
		if len(fields) == 0 {
			continue
		}
		m := cycleName.FindStringSubmatch(fields[0])
		i := slices.Index(fields, "s/cycle")
		if m == nil || i < 1 {
			continue
		}
		people, _ := strconv.ParseFloat(m[1], 64)
		seconds, err := strconv.ParseFloat(fields[i-1], 64)
		if n, ok := which[m[2]]; ok && err == nil {
			all[n].points = append(all[n].points, point{people, seconds})
		}
	}
	for _, l := range all {
		slices.SortFunc(l.points, func(a, b point) int { return cmp.Compare(a.people, b.people) })
	}
	return all
}

// slope is the exponent of the power of the number of people that fits the points best, by least squares of logarithms:
// 1 is linear, 0 independent of them.
func slope(points []point) float64 {
	var x, y, xx, xy float64
	for _, p := range points {
		a, b := math.Log(p.people), math.Log(p.seconds)
		x, y, xx, xy = x+a, y+b, xx+a*a, xy+a*b
	}
	n := float64(len(points))
	return (n*xy - x*y) / (n*xx - x*x)
}

// drawing is the plot, both axes logarithmic: what grows linearly rises by one power of ten for each.
func drawing(text string) []byte {
	const width, height, left, bottom, decade = 760, 460, 70, 410, 100.0
	across := func(people float64) float64 { return left + (math.Log10(people)-3)*160 }
	up := func(seconds float64) float64 { return bottom - (math.Log10(seconds)+2.5)*decade*0.75 }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, "<title>Time of a cycle by number of people, both axes logarithmic</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height)
	for _, people := range []float64{1e3, 1e4, 1e5, 1e6} {
		fmt.Fprintf(&b, `<path d="M%.0f %d V30" stroke="#ddd"/><text x="%.0f" y="%d" text-anchor="middle">%s</text>`+"\n", across(people), bottom, across(people), bottom+20, thousands(people))
	}
	for _, seconds := range []float64{0.01, 0.1, 1, 10, 100} {
		fmt.Fprintf(&b, `<path d="M%d %.0f H%.0f" stroke="#ddd"/><text x="%d" y="%.0f" text-anchor="end">%v s</text>`+"\n", left, up(seconds), across(1e6), left-8, up(seconds)+4, seconds)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">people</text>`+"\n", (left+550)/2, bottom+42)
	for _, l := range lines(text) {
		if len(l.points) == 0 {
			continue
		}
		var path strings.Builder
		for i, p := range l.points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], across(p.people), up(p.seconds))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", across(p.people), up(p.seconds), l.color)
		}
		last := l.points[len(l.points)-1]
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path.String(), l.color)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", across(last.people)+10, up(last.seconds), l.color, l.name)
		if len(l.points) > 1 {
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s">~ people^%.2f</text>`+"\n", across(last.people)+10, up(last.seconds)+15, l.color, slope(l.points))
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func thousands(n float64) string {
	s := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
