package main

import (
	"fmt"
	"runtime"
	"testing"

	"ringsync/configs"
)

// Jobs of equal mappings and filters go by the same compiled ones, for as long as there is such a job. What differs in
// anything that people are shown is not equal.
func TestSharedRecipes(t *testing.T) {
	config := func(job, users string) *configs.Config {
		t.Helper()
		place := sandboxPlace{Graph: "http://127.0.0.1:1/v1.0", RingCentral: "http://127.0.0.1:1/scim/v2",
			Tenant: "8f0c7f0e-0000-4000-8000-000000000001", App: "8f0c7f0e-0000-4000-8000-000000000002", State: job + ".db"}
		c, err := configs.Parse(job+".yaml", fmt.Appendf(place.config(), "%s\n", users), nil, compiles)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	filtered := func(name string) string {
		return fmt.Sprintf("users: {filters: [{name: %s, all: [{attribute: department, operator: EQUALS, value: Sales}]}]}", name)
	}
	s := newShared()
	recipe := func(c *configs.Config) *recipe {
		t.Helper()
		r, err := s.recipe(c)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	plain := recipe(config("a", ""))
	if other := recipe(config("b", "")); other != plain {
		t.Error("two jobs with the default mapping have it compiled twice")
	}
	sales := recipe(config("c", filtered("sales")))
	if sales == plain || sales == recipe(config("d", filtered("customers of d"))) || sales != recipe(config("e", filtered("sales"))) {
		t.Error("filters of other names are told from each other, and equal ones are not")
	}
	if own, err := (*shared)(nil).recipe(config("f", "")); err != nil || own == plain {
		t.Errorf("a command that shares nothing has a daemon's: %v", err)
	}
	runtime.KeepAlive(plain)
	runtime.KeepAlive(sales)
	for range 3 { // what was reachable only from what has gone goes next
		runtime.GC()
	}
	recipe(config("g", filtered("new")))
	if n := len(s.recipes); n != 1 {
		t.Errorf("%d recipes are remembered, and one is gone by", n)
	}
}
