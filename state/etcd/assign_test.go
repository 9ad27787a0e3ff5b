package etcd

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func fleet(processes, jobs, inGroup int) map[string][]Job {
	var all []Job
	for j := range jobs {
		job := Job{Name: fmt.Sprintf("customer-%d", j)}
		if inGroup > 1 {
			job.Group = fmt.Sprint(j / inGroup)
		}
		all = append(all, job)
	}
	able := map[string][]Job{}
	for p := range processes {
		able[fmt.Sprintf("process-%d", p)] = all
	}
	return able
}

func loads(owners map[string]string) map[string]int {
	n := map[string]int{}
	for _, id := range owners {
		n[id]++
	}
	return n
}

// Every job has one owner who can serve it, a group has one for all its jobs, nobody has more than a fair share and one
// unit more, and whatever the order of the processes the result is the same.
func TestAssign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		able := fleet(rapid.IntRange(1, 7).Draw(t, "processes"), rapid.IntRange(0, 60).Draw(t, "jobs"), rapid.IntRange(1, 5).Draw(t, "in a group"))
		owners := assign(able)
		for id, jobs := range able {
			groups := map[string]string{}
			for _, job := range jobs {
				owner := owners[job.Name]
				if _, there := able[owner]; !there {
					t.Fatalf("%s is %q's", job.Name, owner)
				}
				if before, known := groups[job.Group]; known && job.Group != "" && before != owner {
					t.Fatalf("group %s is %s's and %s's", job.Group, before, owner)
				}
				groups[job.Group] = owner
			}
			if n, most := loads(owners)[id], share(len(jobs), len(able))+4; n > most {
				t.Fatalf("%s has %d of %d jobs of %d processes", id, n, len(jobs), len(able))
			}
		}
		if again := assign(maps.Clone(able)); !maps.Equal(again, owners) {
			t.Fatal("a second time it is another")
		}
	})
}

// When a process joins or leaves, hardly more moves than what it takes or had.
func TestAssignMovesLittle(t *testing.T) {
	for _, c := range []struct{ processes, jobs, inGroup int }{{2, 10, 1}, {3, 100, 1}, {3, 2000, 1}, {5, 2000, 4}, {9, 2000, 1}} {
		before := assign(fleet(c.processes, c.jobs, c.inGroup))
		after := assign(fleet(c.processes+1, c.jobs, c.inGroup))
		moved := 0
		for job, owner := range before {
			if after[job] != owner {
				moved++
			}
		}
		fair := c.jobs / (c.processes + 1)
		t.Logf("%d processes and one more, %d jobs in groups of %d: %d move, %d is the new one's share; %v", c.processes, c.jobs, c.inGroup, moved, fair, slices.Sorted(maps.Values(loads(after))))
		if moved > fair*3/2+c.inGroup {
			t.Errorf("%d of %d jobs move", moved, c.jobs)
		}
	}
}

// While a new configuration is being rolled out, no job is left alone, nor given to somebody who does not know it.
func TestAssignWhileConfigurationsDiffer(t *testing.T) {
	owners := assign(map[string][]Job{
		"a": {{Name: "old"}, {Name: "both", Group: "1"}, {Name: "grouped", Group: "1"}},
		"b": {{Name: "new"}, {Name: "both", Group: "2"}},
	})
	want := map[string][]string{"old": {"a"}, "new": {"b"}, "both": {"a"}, "grouped": {"a"}}
	for job, able := range want {
		if !slices.Contains(able, owners[job]) {
			t.Errorf("%s is %q's", job, owners[job])
		}
	}
	apart := assign(map[string][]Job{"a": {{Name: "x", Group: "1"}}, "b": {{Name: "y", Group: "1"}}})
	if apart["x"] != "a" || apart["y"] != "b" {
		t.Errorf("a group that nobody can serve as a whole: %v", apart)
	}
	if none := assign(nil); len(none) != 0 {
		t.Errorf("of nothing: %v", none)
	}
}
