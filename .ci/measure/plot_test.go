package main

import (
	"bytes"
	"math"
	"os"
	"testing"
)

// The plot in the docs is what the measurements in the docs say.
func TestPlotIsOfWhatWasMeasured(t *testing.T) {
	text, err := os.ReadFile("../../" + measured)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := os.ReadFile("../../" + plot)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(drawn, drawing(string(text))) {
		t.Errorf("%s is not the plot of %s: go run ./.ci/measure -draw", plot, measured)
	}
	for _, l := range lines(string(text)) {
		if len(l.points) < 3 {
			t.Errorf("%s: measured for %d sizes", l.name, len(l.points))
		}
	}
}

func TestSlope(t *testing.T) {
	for want, points := range map[float64][]point{
		1: {{1000, 0.5}, {10000, 5}, {100000, 50}}, 0: {{1000, 2}, {10000, 2}}, 2: {{10, 100}, {100, 10000}},
	} {
		if got := slope(points); math.Abs(got-want) > 1e-9 {
			t.Errorf("slope %v, want %v", got, want)
		}
	}
}
