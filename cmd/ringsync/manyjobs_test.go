//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/state/etcd/etcdtest"

	"net/http"
	"net/http/httptest"
)

// BenchmarkIdleJobs is what two thousand jobs cost a process when they have nothing to do: memory that is its own, and
// the part of a core that they take over a minute; and how long it takes until the process is ready, has looked at all of
// them again on SIGHUP, and has ended on SIGTERM. With -short they are fifty, and a few seconds; RINGSYNC_BENCH_JOBS sets
// another number. With RINGSYNC_BENCH_PROFILE, a folder, the idle process leaves profiles of its heap, its goroutines and
// another minute of processor time there.
func BenchmarkIdleJobs(b *testing.B) {
	const people = 5
	// Seconds: connections that nobody uses are closed after a while.
	jobs, rest, span := 2000, 100, time.Minute
	if testing.Short() {
		jobs, rest, span = 50, 5, 5*time.Second
	}
	if n, err := strconv.Atoi(os.Getenv("RINGSYNC_BENCH_JOBS")); err == nil {
		jobs = n
	}
	for _, kind := range []string{"files", "etcd"} {
		b.Run(kind, func(b *testing.B) {
			dir := entratest.New(entratest.Options{Token: sandboxGraphToken, Seed: 1})
			dir.Populate(people, 1)
			account := ringcentraltest.New(ringcentraltest.Options{Token: sandboxRingCentralToken, Licenses: -1})
			graph := httptest.NewServer(dir)
			defer graph.Close()
			ringCentral := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Set("Authorization", "Bearer "+sandboxRingCentralToken) // each job has a token of its own
				account.ServeHTTP(w, r)
			}))
			defer ringCentral.Close()
			var addresses []string
			if kind == "etcd" {
				var err error
				if addresses, err = etcdtest.Start([]string{b.TempDir()}, b.Cleanup, nil); err != nil {
					b.Fatal(err)
				}
			}
			folder := b.TempDir()
			for i := range jobs {
				place := sandboxPlace{Graph: graph.URL + "/v1.0", RingCentral: ringCentral.URL + "/scim/v2", Tenant: dir.Tenant(), App: dir.AppID(),
					State: filepath.Join(folder, fmt.Sprintf("%d.db", i))}
				text := strings.NewReplacer("job: sandbox", fmt.Sprintf("job: customer-%d", i), sandboxRingCentralToken, fmt.Sprintf("token-%d", i)).Replace(string(place.config()))
				if kind == "etcd" {
					text = string(inEtcd([]byte(text), 15*time.Second, "http://"+addresses[0]))
				}
				if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			cmd := program(b, "ringsync-idle", kind, "run", "--listen", "off", "--log-level", "warn", folder)
			manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(folder, "notify"), Net: "unixgram"})
			if err != nil {
				b.Fatal(err)
			}
			defer manager.Close()
			cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+manager.LocalAddr().String())
			// ready waits until the program says that it is, after its start or a reload, and returns how long that took.
			ready := func() float64 {
				began, said := time.Now(), make([]byte, 4096)
				for {
					_ = manager.SetReadDeadline(began.Add(10 * time.Minute))
					n, err := manager.Read(said)
					if err != nil {
						b.Fatal("it does not become ready:", err)
					}
					if strings.Contains(string(said[:n]), "READY=1") {
						return time.Since(began).Seconds()
					}
				}
			}
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			defer func() { _ = cmd.Process.Kill() }() // it has ended unless something went wrong
			began := time.Now()
			b.ReportMetric(ready(), "s/ready")
			// All have read when nobody reads any more.
			for last, quiet := -1, 0; quiet < rest; time.Sleep(time.Second) {
				n := 0
				for _, count := range account.Requests() {
					n += count
				}
				if quiet++; n != last || n < jobs {
					last, quiet = n, 0
				}
				select {
				case err := <-ended:
					b.Fatal("it has ended:", err)
				default:
				}
				if time.Since(began) > 20*time.Minute {
					b.Fatal("they do not come to rest")
				}
			}
			b.ReportMetric(time.Since(began).Seconds()-float64(rest), "s/start")
			before := cpuTime(b, cmd.Process.Pid)
			time.Sleep(span)
			used := cpuTime(b, cmd.Process.Pid) - before
			b.ReportMetric(100*used.Seconds()/span.Seconds(), "%core")
			b.ReportMetric(inProcess(b, cmd.Process.Pid, "RssAnon")/1000, "MB-anon")
			b.ReportMetric(inProcess(b, cmd.Process.Pid, "Threads"), "threads")
			b.ReportMetric(0, "ns/op")
			if os.Getenv("RINGSYNC_BENCH_PROFILE") != "" {
				_ = cmd.Process.Signal(syscall.SIGUSR1)
				time.Sleep(profileTime + 5*time.Second) // for it to collect garbage and write
			}
			_ = cmd.Process.Signal(syscall.SIGHUP)
			b.ReportMetric(ready(), "s/reload")
			b.ReportMetric(inProcess(b, cmd.Process.Pid, "RssAnon")/1000, "MB-anon-reloaded")
			told := time.Now()
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := <-ended; err != nil {
				b.Error(err)
			}
			b.ReportMetric(time.Since(told).Seconds(), "s/stop")
		})
	}
}

// profileTime is how long the idle process is looked at for its profile of processor time.
const profileTime = time.Minute

func init() { programs["ringsync-idle"] = idleDaemon }

// inProcess is a number that the system gives of a process in its status file.
func inProcess(b *testing.B, pid int, name string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseFloat(regexp.MustCompile(name + `:\s*(\d+)`).FindStringSubmatch(string(status))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// idleDaemon is the program, which also leaves profiles when it gets SIGUSR1. They are named by its first argument.
func idleDaemon() {
	kind := os.Args[1]
	os.Args = append(os.Args[:1], os.Args[2:]...)
	if folder := os.Getenv("RINGSYNC_BENCH_PROFILE"); folder != "" {
		runtime.MemProfileRate = 4 << 10
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGUSR1)
		go func() {
			<-asked
			tellMemory("as it was")
			profile := func(what string, write func(io.Writer) error) {
				f, err := os.Create(filepath.Join(folder, "idle-"+kind+"."+what+".pprof"))
				if err == nil {
					err = errors.Join(write(f), f.Close())
				}
				if err != nil {
					panic(err)
				}
			}
			profile("cpu", func(w io.Writer) error {
				if err := pprof.StartCPUProfile(w); err != nil {
					return err
				}
				time.Sleep(profileTime)
				pprof.StopCPUProfile()
				return nil
			})
			for range 5 { // each halves the stacks that are too large
				debug.FreeOSMemory()
			}
			tellMemory("at its least")
			for _, what := range []string{"heap", "goroutine"} { // the heap's as of the last collection
				profile(what, func(w io.Writer) error { return pprof.Lookup(what).WriteTo(w, 0) })
			}
		}()
	}
	main()
}

// tellMemory says on stderr where the memory of the process is.
func tellMemory(when string) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(os.Stderr, "%s, in MB: %d goroutines on %d; %d live or garbage in spans of %d, %d idle, goal %d; %d for the collector, %d else\n", when,
		runtime.NumGoroutine(), m.StackInuse>>20, m.HeapAlloc>>20, m.HeapInuse>>20, (m.HeapIdle-m.HeapReleased)>>20, m.NextGC>>20, m.GCSys>>20,
		(m.MSpanSys+m.MCacheSys+m.BuckHashSys+m.OtherSys)>>20)
}

// cpuTime is the processor time that a process has used.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}
