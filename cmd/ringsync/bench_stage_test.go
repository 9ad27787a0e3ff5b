package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
)

// benchPeople is the number of people of a benchmark.
func benchPeople(usual int) int {
	if n, err := strconv.Atoi(os.Getenv("RINGSYNC_BENCH_PEOPLE")); err == nil {
		return n
	}
	return usual
}

// venue is a process with both emulators, and a configuration and a state file for it.
type venue struct {
	b             *testing.B
	at            emulated
	config, state string
	cmd           *exec.Cmd
	in            io.WriteCloser
	out           *json.Decoder
}

// emulated is where the emulators listen.
type emulated struct{ Graph, RingCentral, Tenant, App string }

// requests are what both sides were sent, by route.
type requests struct{ Source, Target map[string]int }

func newVenue(b *testing.B, people, groups int, latency string) *venue {
	b.Helper()
	s := &venue{b: b, cmd: program(b, "ringsync-emulators", strconv.Itoa(people), strconv.Itoa(groups), latency)}
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	s.out = json.NewDecoder(bufio.NewReader(stdout))
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s.read(&s.at)
	folder := b.TempDir()
	s.state, s.config = filepath.Join(folder, "job.db"), filepath.Join(folder, "ringsync.yaml")
	place := sandboxPlace{Graph: s.at.Graph, RingCentral: s.at.RingCentral, Tenant: s.at.Tenant, App: s.at.App, State: s.state}
	if err := os.WriteFile(s.config, place.config(), 0o600); err != nil {
		b.Fatal(err)
	}
	return s
}

func (s *venue) read(into any) {
	s.b.Helper()
	if err := s.out.Decode(into); err != nil {
		s.b.Fatalf("read from the emulators: %v", err)
	}
}

// change gives so many people another title.
func (s *venue) change(people int) {
	s.b.Helper()
	fmt.Fprintf(s.in, "change %d\n", people)
	var done bool
	s.read(&done)
}

// requests returns what was sent since the last call.
func (s *venue) requests() (r requests) {
	s.b.Helper()
	fmt.Fprintln(s.in, "requests")
	s.read(&r)
	return r
}

func (s *venue) close() {
	_ = s.in.Close() // its input's end ends it
	_ = s.cmd.Wait()
	_ = os.Remove(s.state)
}

// serveEmulators is a process of its own: it prints where it listens, does what its input says, and ends with that.
func serveEmulators() {
	people, _ := strconv.Atoi(os.Args[1])
	groups, _ := strconv.Atoi(os.Args[2])
	latency, _ := time.ParseDuration(os.Args[3])
	dir := entratest.New(entratest.Options{Token: sandboxGraphToken, Seed: 1})
	users, _ := dir.Populate(people, groups)
	account := ringcentraltest.New(ringcentraltest.Options{Token: sandboxRingCentralToken, Licenses: -1, Latency: latency, NoJournal: true})
	url := func(h http.Handler) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go func() { panic(http.Serve(l, h)) }()
		return "http://" + l.Addr().String()
	}
	out := json.NewEncoder(os.Stdout)
	answer := func(v any) {
		if err := out.Encode(v); err != nil {
			panic(err)
		}
	}
	answer(emulated{Graph: url(dir) + "/v1.0", RingCentral: url(account) + "/scim/v2", Tenant: dir.Tenant(), App: dir.AppID()})
	changes := 0
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		what, number, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "change":
			n, _ := strconv.Atoi(number)
			changes++
			for i := range n {
				dir.UpdateUser(users[i*(len(users)/n)], map[string]any{"jobTitle": fmt.Sprint("Pilot ", changes)})
			}
			answer(true)
		case "requests":
			answer(requests{dir.Requests(), account.Requests()})
			dir.ResetRequests()
			account.ResetRequests()
		}
	}
}

// measured is what one cycle came to, as the process that ran it saw it.
type measured struct {
	Kind    string
	Took    time.Duration
	Changed int
	Bytes   uint64 // allocated
	Objects uint64 // allocated
	File    int64  // size of the state file afterwards
}

// measureCycle is a process of its own: the program's job runs one cycle of a kind, and prints what that cost. With
// RINGSYNC_BENCH_PROFILE, a folder, it leaves profiles of processor time and allocations there,
// and of the heap at its largest.
func measureCycle() {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, quiet: true}
	kind := engine.Kind(os.Args[2])
	finish := profiled(string(kind))
	m, err := measureOne(a, os.Args[1], kind)
	finish()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measureOne(a *app, config string, kind engine.Kind) (m measured, err error) {
	ctx := context.Background()
	root := newRootCommand(a)
	root.SetArgs([]string{"-q", "-c", config, "version"})
	root.SetOut(io.Discard)
	a.stdout = io.Discard
	if err := root.ExecuteContext(ctx); err != nil { // the flags and what follows from them
		return m, err
	}
	j, err := a.job(ctx, works)
	if err != nil {
		return m, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	report, err := j.engine.Cycle(ctx, j.target, kind, 0)
	m.Took = time.Since(began)
	if err != nil {
		return m, err
	}
	runtime.ReadMemStats(&after)
	m.Kind, m.Changed = report.Kind, report.Summary.Changes()
	m.Bytes, m.Objects, m.File = after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs, j.records.(fileRecords).Size()
	return m, j.close()
}

// profiled begins profiles, if they are asked for, and returns what ends them.
func profiled(name string) (finish func()) {
	folder := os.Getenv("RINGSYNC_BENCH_PROFILE")
	if folder == "" {
		return func() {}
	}
	create := func(what string) *os.File {
		f, err := os.Create(filepath.Join(folder, name+"."+what+".pprof"))
		if err != nil {
			panic(err)
		}
		return f
	}
	runtime.MemProfileRate = 64 << 10
	processor := create("cpu")
	if err := pprof.StartCPUProfile(processor); err != nil {
		panic(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		heap := create("heap")
		defer heap.Close()
		for most := uint64(0); ; { // what is in use when most is
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
			}
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); m.HeapInuse > most {
				most = m.HeapInuse
				_, _ = heap.Seek(0, io.SeekStart)
				_ = heap.Truncate(0)
				_ = pprof.Lookup("heap").WriteTo(heap, 0)
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		pprof.StopCPUProfile()
		memory := create("allocs")
		if err := pprof.Lookup("allocs").WriteTo(memory, 0); err != nil {
			panic(err)
		}
		_, _ = processor.Close(), memory.Close()
	}
}

// watch samples the peak of anonymous memory, in MB, until the process ends; 0 where there is no /proc.
func watch(pid int) <-chan float64 {
	out := make(chan float64, 1)
	go func() {
		peak := 0.0
		for {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, ok := strings.Cut(string(status), "RssAnon:")
			if err != nil || !ok {
				out <- peak
				return
			}
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			peak = max(peak, kb/1024)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return out
}
