//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/state/etcd/etcdtest"
)

// customer is a job of the fleet: a tenant, a RingCentral account, and who has written to that.
type customer struct {
	name    string
	dir     *entratest.Directory
	account *ringcentraltest.Account
	people  []string
	place   sandboxPlace

	mu     sync.Mutex
	writes []write
}

// write is a request that changes an account, when it came, and from which process.
type write struct {
	at   time.Time
	from string
}

// ServeHTTP answers as RingCentral. Each process of the fleet has a token of its own, by which it is known.
func (c *customer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer token-of-")
	r.Header.Set("Authorization", "Bearer "+sandboxRingCentralToken)
	if r.Method != http.MethodGet {
		c.mu.Lock()
		c.writes = append(c.writes, write{time.Now(), from})
		c.mu.Unlock()
		time.Sleep(20 * time.Millisecond) // a service far away
	}
	c.account.ServeHTTP(w, r)
}

// wrote returns the processes that have written since a moment, in their order, each once for each time that it took
// over from another; and who has written last.
func (c *customer) wrote(since time.Time) (turns []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.writes {
		if w.at.After(since) && (len(turns) == 0 || turns[len(turns)-1] != w.from) {
			turns = append(turns, w.from)
		}
	}
	return turns
}

func (c *customer) count(from string, since time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.writes {
		if w.from == from && w.at.After(since) {
			n++
		}
	}
	return n
}

// replicas are processes that serve the same jobs over one cluster.
type replicas struct {
	t         *testing.T
	customers []*customer
	addresses []string
	lines     map[string][]*etcdtest.Line // of each process, to each member
	running   map[string]*exec.Cmd
	logs      map[string]*record
}

// record is a buffer that is read while a process writes to it.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

const (
	replicaLease       = 5 * time.Second
	replicaConcurrency = 2
)

func newReplicas(t *testing.T, customers, people int) *replicas {
	t.Helper()
	r := &replicas{t: t, lines: map[string][]*etcdtest.Line{}, running: map[string]*exec.Cmd{}, logs: map[string]*record{}}
	var err error
	if r.addresses, err = etcdtest.Start([]string{t.TempDir(), t.TempDir(), t.TempDir()}, t.Cleanup, nil); err != nil {
		t.Fatal(err)
	}
	for i := range customers {
		c := &customer{name: fmt.Sprintf("customer-%d", i), dir: entratest.New(entratest.Options{Token: sandboxGraphToken, Seed: uint64(i + 1)})}
		c.people, _ = c.dir.Populate(people, 2)
		// The account takes duplicates: that nobody is there twice is then ringsync's doing alone.
		c.account = ringcentraltest.New(ringcentraltest.Options{Token: sandboxRingCentralToken, Licenses: -1, AllowDuplicates: true})
		graph, ringCentral := httptest.NewServer(c.dir), httptest.NewServer(c)
		t.Cleanup(graph.Close)
		t.Cleanup(ringCentral.Close)
		c.place = sandboxPlace{Graph: graph.URL + "/v1.0", RingCentral: ringCentral.URL + "/scim/v2", Tenant: c.dir.Tenant(), App: c.dir.AppID()}
		r.customers = append(r.customers, c)
	}
	return r
}

// start starts a process that serves all customers' jobs.
func (r *replicas) start(name string) {
	r.t.Helper()
	var addresses []string
	r.lines[name] = nil
	for _, to := range r.addresses {
		line, err := etcdtest.NewLine(to, r.t.Cleanup)
		if err != nil {
			r.t.Fatal(err)
		}
		r.lines[name] = append(r.lines[name], line)
		addresses = append(addresses, "http://"+line.Address())
	}
	folder := filepath.Join(r.t.TempDir(), name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		r.t.Fatal(err)
	}
	for _, c := range r.customers {
		text := strings.NewReplacer("job: sandbox", "job: "+c.name,
			"token: "+sandboxRingCentralToken, fmt.Sprintf("token: token-of-%s\n  concurrency: %d", name, replicaConcurrency)).Replace(string(c.place.config()))
		text = string(inEtcd([]byte(text), replicaLease, addresses...)) + "schedule: {incremental: 1s}\nsafety: {removals: {count: 1000, percent: 100}}\n"
		if err := os.WriteFile(filepath.Join(folder, c.name+".yaml"), []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	cmd := program(r.t, "ringsync", "run", folder, "--listen", "off")
	log := new(record)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.running[name], r.logs[name] = cmd, log
	r.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended unless the test has failed
		_ = cmd.Wait()
		if r.t.Failed() {
			r.t.Logf("%s says\n%s", name, log)
		}
	})
}

func (r *replicas) signal(name string, s os.Signal) {
	r.t.Helper()
	if err := r.running[name].Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// until waits for something.
func (r *replicas) until(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("in vain: %s", what)
		}
	}
}

// amidst waits until the process has written so many times since a moment.
func (r *replicas) amidst(name string, since time.Time, writes int) {
	r.t.Helper()
	r.until(name+" writes", func() bool {
		n := 0
		for _, c := range r.customers {
			n += c.count(name, since)
		}
		return n >= writes
	})
}

func (r *replicas) retitle(title string) {
	for _, c := range r.customers {
		for _, id := range c.people {
			c.dir.UpdateUser(id, map[string]any{"jobTitle": title})
		}
	}
}

// equal waits until every account is as the directory says.
func (r *replicas) equal() {
	r.t.Helper()
	r.until("both sides are equal", func() bool {
		for _, c := range r.customers {
			if c.differs() != "" {
				return false
			}
		}
		return true
	})
}

// differs says what the account does not have as the directory does, "" if nothing.
func (c *customer) differs() string {
	accounts := map[string]ringcentraltest.User{}
	for _, u := range c.account.Users() {
		accounts[u.ExternalID] = u
	}
	for _, id := range c.people {
		user, _ := c.dir.User(id)
		title, _ := user["jobTitle"].(string)
		enabled, _ := user["accountEnabled"].(bool)
		if u, there := accounts[id]; !there && enabled || there && (u.Active != enabled || enabled && u.Title != title) {
			return fmt.Sprintf("%s of %s: %+v", id, c.name, u)
		}
	}
	return ""
}

// took logs how long it took from a moment until everybody who had lost their process was written for by another.
func (r *replicas) took(what string, from time.Time, gone string) {
	var longest time.Duration
	n := 0
	for _, c := range r.customers {
		c.mu.Lock()
		var before string
		for _, w := range c.writes {
			if w.at.Before(from) {
				before = w.from
			} else if before == gone && w.from != gone {
				longest = max(longest, w.at.Sub(from))
				n++
				break
			}
		}
		c.mu.Unlock()
	}
	r.t.Logf("%s: %d jobs were written for by others after %s at the latest; the lease is %s", what, n, longest.Round(time.Millisecond), replicaLease)
}

// once checks that since a moment no process has written to a job from which another has taken it over.
func (r *replicas) once(since time.Time) {
	r.t.Helper()
	for _, c := range r.customers {
		turns := c.wrote(since)
		if unique := slices.Compact(slices.Sorted(slices.Values(turns))); len(unique) != len(turns) {
			r.t.Errorf("%s was written to in turn by %v", c.name, turns)
		}
	}
}

// Three processes over three members of etcd, of which one is killed, one stands still for longer than its lease and one
// is cut off from etcd, each while it writes: nobody is there twice, nobody writes who does not own the job, and in the
// end both sides are equal.
func TestReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	r := newReplicas(t, 6, 60)
	began := time.Now()
	for _, name := range []string{"a", "b", "c"} {
		r.start(name)
	}

	// One is killed in the middle of the initial cycles, while it makes accounts.
	r.amidst("a", began, 20)
	r.signal("a", os.Kill)
	killed := time.Now()
	_ = r.running["a"].Wait()
	r.equal()
	r.took("killed", killed, "a")

	// One stands still while it writes. When it goes on it has at most those requests to send that it had begun.
	second := time.Now()
	r.retitle("second")
	r.amidst("b", second, 15)
	r.signal("b", syscall.SIGSTOP)
	stopped := time.Now()
	r.equal()
	r.took("stood still", stopped, "b")
	r.once(second)
	goesOn := time.Now()
	r.signal("b", syscall.SIGCONT)
	r.until("it notices", func() bool { return strings.Contains(r.logs["b"].String(), "its lease in etcd has ended") })
	for _, c := range r.customers {
		if n := c.count("b", goesOn); n > replicaConcurrency {
			t.Errorf("%s: the process that had stood still sent %d requests", c.name, n)
		}
	}

	// A killed one comes back, and one is cut off from etcd while it writes. Some people leave meanwhile.
	r.start("a")
	r.until("all three serve jobs", func() bool { return r.serving() == 3 })
	third := time.Now()
	r.retitle("third")
	r.amidst("c", third, 15)
	for _, line := range r.lines["c"] {
		line.Cut()
	}
	cut := time.Now()
	for _, c := range r.customers {
		for _, id := range c.people[:5] {
			c.dir.UpdateUser(id, map[string]any{"accountEnabled": false})
		}
	}
	r.equal()
	r.took("cut off", cut, "c")
	r.once(third)
	for _, line := range r.lines["c"] {
		line.Mend()
	}
	r.until("all three serve jobs again", func() bool { return r.serving() == 3 })
	fourth := time.Now()
	r.retitle("fourth")
	r.equal()
	r.once(fourth)

	for _, name := range []string{"a", "b", "c"} {
		r.signal(name, syscall.SIGTERM)
	}
	for _, name := range []string{"a", "b", "c"} {
		if err := r.running[name].Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range r.customers {
		count := map[string]int{}
		for _, u := range c.account.Users() {
			count[u.ExternalID]++
		}
		if len(count) != len(c.people) || slices.Max(slices.Collect(maps.Values(count))) != 1 {
			t.Errorf("%s has %d people and %d accounts", c.name, len(count), len(c.account.Users()))
		}
		if why := c.differs(); why != "" {
			t.Error("in the end it differs:", why)
		}
	}
	writesByOwner(t, r.addresses[0])
}

// serving counts the processes that own jobs.
func (r *replicas) serving() int {
	client := etcdClient(r.t, r.addresses[0])
	defer client.Close()
	owners := map[string]bool{}
	for _, c := range r.customers {
		got, err := client.Get(r.t.Context(), "ringsync/jobs/"+c.name+"/owner/", clientv3.WithFirstCreate()...)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, kv := range got.Kvs {
			owners[string(kv.Value)] = true
		}
	}
	return len(owners)
}

func etcdClient(t testing.TB, address string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{address}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// writesByOwner goes through all that was ever written to etcd and checks that of each job's state the owner wrote it,
// by the election as it was at that moment.
func writesByOwner(t *testing.T, address string) {
	t.Helper()
	client := etcdClient(t, address)
	defer client.Close()
	const end = "ringsync/jobs/end" // written here, after everything else
	if _, err := client.Put(t.Context(), end, ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	candidates := map[string]map[string]int64{} // job → key → create revision
	writes, owners := 0, map[string]map[int64]bool{}
	ended := false
	for answer := range client.Watch(ctx, "ringsync/jobs/", clientv3.WithPrefix(), clientv3.WithRev(1)) {
		if err := answer.Err(); err != nil {
			t.Fatal(err)
		}
		for _, e := range answer.Events {
			if string(e.Kv.Key) == end {
				ended = true
				break
			}
			job, rest, _ := strings.Cut(strings.TrimPrefix(string(e.Kv.Key), "ringsync/jobs/"), "/")
			if candidates[job] == nil {
				candidates[job], owners[job] = map[string]int64{}, map[int64]bool{}
			}
			switch {
			case strings.HasPrefix(rest, "owner/") && e.Type == clientv3.EventTypeDelete:
				delete(candidates[job], rest)
			case strings.HasPrefix(rest, "owner/"):
				candidates[job][rest] = e.Kv.CreateRevision
			case rest == "seq":
				writes++
				rev, err := strconv.ParseInt(strings.Split(string(e.Kv.Value), "/")[1], 16, 64)
				all := slices.Collect(maps.Values(candidates[job]))
				if err != nil || len(all) == 0 || slices.Min(all) != rev {
					t.Errorf("%s was written to at revision %d by %d, and %v were there", job, e.Kv.ModRevision, rev, all)
				}
				owners[job][rev] = true
			}
		}
		if ended {
			break
		}
	}
	if !ended {
		t.Error("not all that was written could be seen")
	}
	changes := 0
	for _, by := range owners {
		changes += len(by)
	}
	t.Logf("%d writes of state, by %d owners of %d jobs one after the other", writes, changes, len(owners))
	if writes < 100 || changes <= len(owners) {
		t.Errorf("%d writes by %d owners are too few to tell anything", writes, changes)
	}
}
