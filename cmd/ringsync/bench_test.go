package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

// What an initial sync costs beside a bare HTTP client that sends as many requests of the same kind and remembers
// nothing. Emulators, program and bare client are processes of their own; the figures of one run go together:
//
//	go test ./cmd/ringsync -run '^$' -bench InitialSync -benchtime 1x -timeout 30m
//
// x/bare is the ratio of wall times; anon-MB is the program's peak of anonymous memory (the map of the state file is
// the page cache's). RINGSYNC_BENCH_PEOPLE sets another size than 2,000; the budgets are for 20000.
func BenchmarkInitialSync(b *testing.B) {
	people := 2000
	if n, err := strconv.Atoi(os.Getenv("RINGSYNC_BENCH_PEOPLE")); err == nil {
		people = n
	}
	for _, latency := range []string{"0ms", "5ms"} {
		b.Run("latency="+latency, func(b *testing.B) {
			for b.Loop() {
				folder := b.TempDir()
				bare, _ := timed(b, folder, people, latency, func(config string, e emulated) *exec.Cmd {
					return program(b, "ringsync-bare", e.Graph, e.App, e.RingCentral, strconv.Itoa(people))
				})
				ours, memory := timed(b, folder, people, latency, func(config string, e emulated) *exec.Cmd {
					return program(b, "ringsync", "-q", "-c", config, "sync")
				})
				b.ReportMetric(ours.Seconds()/bare.Seconds(), "x/bare")
				b.ReportMetric(ours.Seconds(), "s/sync")
				b.ReportMetric(bare.Seconds(), "s/bare")
				b.ReportMetric(memory, "anon-MB")
			}
		})
	}
}

// emulated is where a process with both emulators listens.
type emulated struct{ Graph, RingCentral, Tenant, App string }

// timed starts fresh emulators, runs a command against them and returns its wall time and memory.
func timed(b *testing.B, folder string, people int, latency string, command func(config string, e emulated) *exec.Cmd) (time.Duration, float64) {
	b.Helper()
	host := program(b, "ringsync-emulators", strconv.Itoa(people), latency)
	stdin, err := host.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := host.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := host.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = stdin.Close(); _ = host.Wait() }() // its input's end ends it
	var e emulated
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&e); err != nil {
		b.Fatal(err)
	}
	place := sandboxPlace{Graph: e.Graph, RingCentral: e.RingCentral, Tenant: e.Tenant, App: e.App, State: filepath.Join(folder, "job.db")}
	config := filepath.Join(folder, "ringsync.yaml")
	if err := os.WriteFile(config, place.config(), 0o600); err != nil {
		b.Fatal(err)
	}
	_ = os.Remove(place.State) // of an earlier run, if any
	cmd := command(config, e)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	memory := watch(cmd.Process.Pid)
	err = cmd.Wait()
	took := time.Since(began)
	if err != nil {
		b.Fatalf("%v: %v", cmd.Args, err)
	}
	return took, <-memory
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

// serveEmulators is a process of its own: it prints where it listens and ends when its input does.
func serveEmulators() {
	people, _ := strconv.Atoi(os.Args[1])
	latency, _ := time.ParseDuration(os.Args[2])
	dir := entratest.New(entratest.Options{Token: sandboxGraphToken, Seed: 1})
	dir.Populate(people, 10)
	account := ringcentraltest.New(ringcentraltest.Options{Token: sandboxRingCentralToken, Licenses: -1, Latency: latency, NoJournal: true})
	url := func(h http.Handler) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go func() { panic(http.Serve(l, h)) }()
		return "http://" + l.Addr().String()
	}
	e := emulated{Graph: url(dir) + "/v1.0", RingCentral: url(account) + "/scim/v2", Tenant: dir.Tenant(), App: dir.AppID()}
	if err := json.NewEncoder(os.Stdout).Encode(e); err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// bareClient sends what an initial sync must send at least: the assignments and members of ten groups, the list of
// accounts, and one POST for each person, sixteen at a time.
func bareClient() {
	graph, app, scim := os.Args[1], os.Args[2], os.Args[3]
	people, _ := strconv.Atoi(os.Args[4])
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	call := func(method, url, token string, body []byte) []byte {
		req, err := http.NewRequest(method, url, bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/scim+json")
		res, err := client.Do(req)
		if err != nil {
			panic(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode >= 300 {
			panic(fmt.Sprintf("%s %s: %s %v", method, url, res.Status, err))
		}
		return answer
	}
	next := func(url string) string {
		var page struct {
			Next string `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(call("GET", url, sandboxGraphToken, nil), &page); err != nil {
			panic(err)
		}
		return page.Next
	}
	var assigned struct {
		Value []struct{ PrincipalID, PrincipalType string }
		Next  string `json:"@odata.nextLink"`
	}
	for url := graph + "/servicePrincipals(appId='" + app + "')/appRoleAssignedTo?$top=999"; url != ""; url = assigned.Next {
		assigned.Next, assigned.Value = "", nil
		if err := json.Unmarshal(call("GET", url, sandboxGraphToken, nil), &assigned); err != nil {
			panic(err)
		}
		for _, a := range assigned.Value {
			if a.PrincipalType == "Group" {
				for url := graph + "/groups/" + a.PrincipalID + "/members?$top=999&$select=id,userPrincipalName,displayName,accountEnabled,mail,givenName,surname,jobTitle,mobilePhone,streetAddress,city,state,postalCode,country,department"; url != ""; {
					url = next(url)
				}
			}
		}
	}
	call("GET", scim+"/Users?startIndex=1&count=100", sandboxRingCentralToken, nil)
	var workers sync.WaitGroup
	numbers := make(chan int)
	for range 16 {
		workers.Go(func() {
			for n := range numbers {
				call("POST", scim+"/Users", sandboxRingCentralToken, fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
"userName":"bare%[1]d@contoso.com","externalId":"bare-%[1]d","active":true,"title":"Engineer","name":{"givenName":"Bare","familyName":"Client %[1]d"},
"emails":[{"type":"work","value":"bare%[1]d@contoso.com"}],"phoneNumbers":[{"type":"mobile","value":"+14155550100"}],
"addresses":[{"type":"work","streetAddress":"1 Main Street","locality":"Belmont","region":"CA","postalCode":"94002","country":"United States"}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`, n))
			}
		})
	}
	for n := range people {
		numbers <- n
	}
	close(numbers)
	workers.Wait()
}
