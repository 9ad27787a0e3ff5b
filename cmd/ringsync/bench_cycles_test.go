package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"ringsync/engine"
)

// What cycles cost and how that grows: an initial one, one full and one incremental without a change, and an
// incremental one in which one person of a hundred has another title; everybody in 10 groups, or in 500.
//
//	RINGSYNC_BENCH_PEOPLE=100000 go test ./cmd/ringsync -run '^$' -bench Cycles -benchtime 1x -timeout 60m
//
// Beside time there are what the program allocated, its processor time and peak of anonymous memory, the size of the
// state file, and the requests to both sides, as a ratio to the formulas of docs/performance.md. The process has started
// when the clock does, except for cpu-µs/person. RINGSYNC_BENCH_LATENCY is the target's, none if it is not set.
func BenchmarkCycles(b *testing.B) {
	people := benchPeople(1000)
	for _, groups := range []int{10, 500} {
		b.Run(fmt.Sprint("groups=", groups), func(b *testing.B) { benchCycles(b, people, groups) })
	}
}

func benchCycles(b *testing.B, people, groups int) {
	latency := os.Getenv("RINGSYNC_BENCH_LATENCY")
	v := newVenue(b, people, groups, latency)
	defer v.close()
	changed := max(1, people/100)
	for _, turn := range []struct {
		name    string
		kind    engine.Kind
		want    string // the kind that it is in the end
		changed int
	}{
		{"initial", engine.Full, "initial", people},
		{"full", engine.Full, "full", 0},
		{"incremental", engine.Incremental, "incremental", 0},
		{"changed", engine.Incremental, "incremental", changed},
	} {
		b.Run(turn.name, func(b *testing.B) {
			if turn.name == "initial" && b.N > 1 {
				b.Skip("there is one initial cycle: use -benchtime 1x")
			}
			var all spent
			var last measured
			for b.Loop() {
				if turn.name == "changed" {
					v.change(changed)
				}
				v.requests()
				cmd := program(b, "ringsync-cycle", v.config, string(turn.kind))
				var out bytes.Buffer
				cmd.Stdout = &out
				s := timed(b, cmd)
				if err := json.Unmarshal(out.Bytes(), &last); err != nil {
					b.Fatal(err)
				}
				if last.Kind != turn.want || last.Changed != turn.changed {
					b.Fatalf("%+v", last)
				}
				all.took, all.processor, all.memory = all.took+last.Took, all.processor+s.processor, max(all.memory, s.memory)
			}
			r := v.requests()
			b.ReportMetric(all.took.Seconds()/float64(b.N), "s/cycle")
			b.ReportMetric(all.each(people)/float64(b.N), "cpu-µs/person")
			b.ReportMetric(float64(last.Bytes)/float64(people), "B/person")
			b.ReportMetric(float64(last.Objects)/float64(people), "allocs/person")
			b.ReportMetric(all.memory, "anon-MB")
			b.ReportMetric(float64(last.File)/1e6, "file-MB")
			source, target := leastRequests(turn.name, people, groups, changed)
			b.ReportMetric(float64(total(r.Source)), "source-requests")
			b.ReportMetric(float64(total(r.Source))/float64(source), "x/source-formula")
			b.ReportMetric(float64(total(r.Target)), "target-requests")
			if target > 0 {
				b.ReportMetric(float64(total(r.Target))/float64(target), "x/target-formula")
			}
		})
	}
}

func total(requests map[string]int) (n int) {
	for _, one := range requests {
		n += one
	}
	return n
}

// leastRequests is what docs/performance.md says that a cycle needs at each side. Of the people every tenth is assigned
// directly, the others are spread over the groups.
func leastRequests(cycle string, people, groups, changed int) (source, target int) {
	pages := func(rows, each int) int { return (rows + each - 1) / each }
	direct := people / 10
	assignments := pages(groups+direct, 999)
	unchanged := 1 + assignments + pages(groups, 50) + 1
	members := 0
	for g := range groups {
		members += max(1, pages(membersOf(g, people, groups), 999))
	}
	whole := 1 + 2*assignments + 2*pages(groups, 50) + 2 + members + pages(direct, 1000)
	switch cycle {
	case "initial":
		return whole, 1 + people // a list with nobody in it
	case "full":
		return whole, pages(people, 1000)
	case "changed":
		return unchanged + pages(changed, 200) - 1, changed
	}
	return unchanged, 0
}

// membersOf is how many of the people are in that group: see entratest.Directory.Populate.
func membersOf(group, people, groups int) (n int) {
	for i := group; i < people; i += groups {
		if i%10 != 9 {
			n++
		}
	}
	return n
}
