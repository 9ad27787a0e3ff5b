package main

import (
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// What an initial sync costs beside a bare HTTP client that sends as many requests of the same kind and remembers
// nothing. Emulators, program and bare client are processes of their own; the figures of one run go together:
//
//	go test ./cmd/ringsync -run '^$' -bench InitialSync -benchtime 1x -timeout 30m
//
// x/bare is the ratio of wall times, start of the process included; cpu-µs/person what the program's process used of
// the processor, cpu-µs/person-bare what the bare client's did; anon-MB the program's peak of anonymous memory (the map of
// the state file is the page cache's). RINGSYNC_BENCH_PEOPLE sets another size than 2,000; the budgets are for 20000.
func BenchmarkInitialSync(b *testing.B) {
	people := benchPeople(2000)
	for _, latency := range []string{"0ms", "5ms", "20ms"} {
		b.Run("latency="+latency, func(b *testing.B) {
			for b.Loop() {
				// Bare, ours, bare: what the machine is busy with besides changes slowly.
				bare := runBare(b, people, latency)
				ours := runSync(b, people, latency)
				again := runBare(b, people, latency)
				floor := (bare.took + again.took) / 2
				b.ReportMetric(ours.took.Seconds()/floor.Seconds(), "x/bare")
				b.ReportMetric(ours.took.Seconds(), "s/sync")
				b.ReportMetric(floor.Seconds(), "s/bare")
				b.ReportMetric(ours.each(people), "cpu-µs/person")
				b.ReportMetric(bare.each(people), "cpu-µs/person-bare")
				b.ReportMetric(ours.memory, "anon-MB")
			}
		})
	}
}

func runBare(b *testing.B, people int, latency string) spent {
	st := newVenue(b, people, 10, latency)
	defer st.close()
	return timed(b, program(b, "ringsync-bare", st.at.Graph, st.at.App, st.at.RingCentral, strconv.Itoa(people)))
}

func runSync(b *testing.B, people int, latency string) spent {
	st := newVenue(b, people, 10, latency)
	defer st.close()
	return timed(b, program(b, "ringsync", "-q", "-c", st.config, "sync"))
}

// spent is what a process cost.
type spent struct {
	took, processor time.Duration
	memory          float64 // peak of anonymous memory, MB
}

// each is the processor time for one person, in microseconds.
func (s spent) each(people int) float64 { return s.processor.Seconds() * 1e6 / float64(people) }

func timed(b *testing.B, cmd *exec.Cmd) (s spent) {
	b.Helper()
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	memory := watch(cmd.Process.Pid)
	err := cmd.Wait()
	s.took = time.Since(began)
	if err != nil {
		b.Fatalf("%v: %v", cmd.Args, err)
	}
	s.processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.memory = <-memory
	return s
}
