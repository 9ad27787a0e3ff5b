package etcd

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// Job is a job that a process could serve.
type Job struct {
	Name string `json:"name"`
	// Group names what must be in one process, such as those who share the limits of one credential; "" is the job alone.
	Group string `json:"group,omitempty"`
}

// assign gives each job to one of the processes that can serve it, whose ids are the keys. It is a pure function of who
// can serve what, so that all processes come to the same.
//
// A group goes to the process that its name draws first, unless that has its fair share already: rendezvous hashing with
// a bound on the load. When a process joins or leaves, hardly more moves than has to.
func assign(able map[string][]Job) map[string]string {
	ids := slices.Sorted(maps.Keys(able))
	units, jobs := gather(able, ids)
	load, owner := map[string]int{}, map[string]string{}
	most := share(jobs, len(ids))
	for _, u := range units {
		slices.SortFunc(u.able, func(a, b string) int {
			return cmp.Or(-cmp.Compare(draw(u.name, a), draw(u.name, b)), cmp.Compare(a, b))
		})
		to := u.able[0]
		for _, id := range u.able {
			if load[id]+len(u.jobs) <= most {
				to = id
				break
			}
			if load[id] < load[to] {
				to = id
			}
		}
		load[to] += len(u.jobs)
		for _, job := range u.jobs {
			owner[job] = to
		}
	}
	return owner
}

// share is how many jobs a process gets at most: a tenth more than its part, so that few must give way to others.
func share(jobs, processes int) int {
	if processes == 0 {
		return 0
	}
	return (jobs+processes-1)/processes + jobs/processes/10
}

// unit is what goes to one process.
type unit struct {
	name string
	jobs []string
	able []string // processes that can serve all of it
}

// gather makes units of the jobs, the largest first: those are the hardest to place. Processes whose configurations are
// not the same for the moment may put a job into different groups; the first by id counts. A group that nobody can serve
// as a whole is taken apart.
func gather(able map[string][]Job, ids []string) (units []unit, jobs int) {
	groups := map[string][]string{}
	serves := map[string]map[string]bool{} // process → job
	grouped := map[string]bool{}
	for _, id := range ids {
		serves[id] = map[string]bool{}
		for _, job := range able[id] {
			serves[id][job.Name] = true
			if !grouped[job.Name] {
				grouped[job.Name] = true
				name := "job " + job.Name
				if job.Group != "" {
					name = "group " + job.Group
				}
				groups[name] = append(groups[name], job.Name)
			}
		}
	}
	all := func(id string, names []string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !serves[id][name] })
	}
	var add func(name string, names []string)
	add = func(name string, names []string) {
		u := unit{name: name, jobs: names}
		for _, id := range ids {
			if all(id, names) {
				u.able = append(u.able, id)
			}
		}
		if len(u.able) > 0 {
			units = append(units, u)
			return
		}
		for _, job := range names {
			add("job "+job, []string{job})
		}
	}
	for name, names := range groups {
		add(name, names)
	}
	slices.SortFunc(units, func(a, b unit) int {
		return cmp.Or(-cmp.Compare(len(a.jobs), len(b.jobs)), cmp.Compare(a.name, b.name))
	})
	return units, len(grouped)
}

// draw is the lot that a unit draws for a process.
func draw(unit, id string) uint64 {
	sum := sha256.Sum256([]byte(unit + "\x00" + id))
	return binary.BigEndian.Uint64(sum[:8])
}
