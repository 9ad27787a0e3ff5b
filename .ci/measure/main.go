// Command measure runs the benchmarks that docs/performance.md tells of, and draws its plot:
//
//	go run ./.ci/measure                                  1,000, 10,000 and 100,000 people, about ten minutes
//	go run ./.ci/measure -people 1000,100000,1000000      other sizes: a million adds ten minutes and needs 4 GB for the emulators
//	go run ./.ci/measure -short                           ratios only, about a minute: what .ci/run prints
//	go run ./.ci/measure -draw                            the plot of docs/measured.txt anew
//
// What it measures goes to docs/measured.txt, in the format of Go benchmarks: benchstat compares two of them.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

const (
	measured = "docs/measured.txt"
	plot     = "docs/performance.svg"
)

// run is one call of go test.
type run struct {
	pkg, bench string
	people     string
	latency    string
	log        string // entries
	times      string // -benchtime; 1x if empty
}

func main() {
	people := flag.String("people", "1000,10000,100000", "`numbers` of people for cycles of every kind")
	short := flag.Bool("short", false, "print the ratios of small runs, and write no file")
	draw := flag.Bool("draw", false, "measure nothing, draw the plot")
	flag.Parse()
	if err := do(strings.Split(*people, ","), *short, *draw); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func do(people []string, short, draw bool) error {
	switch {
	case draw:
		return redraw()
	case short:
		return all([]run{
			{pkg: "./cmd/ringsync", bench: "InitialSync/latency=(0|5)ms", people: "5000"},
			{pkg: "./cmd/ringsync", bench: "Cycles/groups=10$", people: "5000"},
			{pkg: "./connectors/entra", bench: "DecodePage", times: "100x"},
		}, io.Discard)
	}
	runs := []run{
		{pkg: "./cmd/ringsync", bench: "InitialSync", people: "20000"},
		{pkg: "./cmd/ringsync", bench: "Cycles/groups=10$", people: "1000", latency: "20ms"}, // the table of other programs
	}
	for _, n := range people {
		bench := "Cycles"
		if len(n) > len("100000") { // one way of assigning so many is enough
			bench = "Cycles/groups=10$"
		}
		runs = append(runs, run{pkg: "./cmd/ringsync", bench: bench, people: n})
	}
	runs = append(runs, []run{
		{pkg: "./mapping", bench: "Person", times: "200000x"},
		{pkg: "./connectors/ringcentral", bench: "Fit$", times: "200000x"},
		{pkg: "./connectors/entra", bench: "DecodePage", times: "300x"},
		{pkg: "./connectors/scim", bench: ".", times: "20000x"},
		{pkg: "./state/bolt", bench: "PutPerson|HundredThousand"},
		{pkg: "./state/bolt", bench: "Log$", log: "1000000", times: "100x"},
	}...)
	var out bytes.Buffer
	if err := all(runs, &out); err != nil {
		return err
	}
	if err := os.WriteFile(measured, out.Bytes(), 0o644); err != nil {
		return err
	}
	return redraw()
}

// all runs the benchmarks one after the other, and writes to keep, under names that tell sizes, what they print.
func all(runs []run, keep io.Writer) error {
	for _, r := range runs {
		times := r.times
		if times == "" {
			times = "1x"
		}
		cmd := exec.Command("go", "test", r.pkg, "-run", "^$", "-bench", r.bench, "-benchtime", times, "-benchmem", "-timeout", "3h")
		cmd.Env = append(os.Environ(), "RINGSYNC_BENCH_PEOPLE="+r.people, "RINGSYNC_BENCH_LATENCY="+r.latency, "RINGSYNC_BENCH_LOG="+r.log)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%s %s: %w\n%s", r.pkg, r.bench, err, out)
		}
		for line := range strings.Lines(string(out)) {
			name, rest, ok := strings.Cut(line, " ")
			if !ok || !strings.HasPrefix(name, "Benchmark") {
				continue
			}
			if r.people != "" {
				name = strings.Replace(name, "Benchmark", "BenchmarkSuite/people="+r.people+"/", 1)
			}
			if r.log != "" {
				name = strings.Replace(name, "Benchmark", "BenchmarkSuite/entries="+r.log+"/", 1)
			}
			if r.latency != "" {
				name = strings.Replace(name, "/Cycles/", "/Cycles/latency="+r.latency+"/", 1)
			}
			line = name + " " + rest
			fmt.Print(line)
			if _, err := io.WriteString(keep, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func redraw() error {
	text, err := os.ReadFile(measured)
	if err != nil {
		return err
	}
	return os.WriteFile(plot, drawing(string(text)), 0o644)
}
