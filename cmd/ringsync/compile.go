package main

import (
	"ringsync/configs"
	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
	"ringsync/engine/plan"
	"ringsync/mapping"
)

// compile checks a configuration's mappings and filters against what both sides offer, and adds the source attributes
// they read to slots. What is wrong comes as configs.Problems, with its place in the file.
func compile(c *configs.Config, slots *connectors.Slots) (*mapping.Mapping, error) {
	m, err := mapping.Compile(c.Rules(), c.FilterGroups(), entra.Schema(), ringcentral.Schema(), slots)
	if err != nil {
		return nil, c.MappingProblems(err)
	}
	if c.Safety.Adopt == plan.AdoptNever && !m.Has(plan.AttrExternalID) {
		// After a lost reply nothing would tell our own account from a stranger's.
		return nil, configs.Problems{c.Problem("safety.adopt", "safety.adopt: never needs a mapping of externalId, by which accounts that ringsync made are told from others")}
	}
	return m, nil
}

// compiles checks what compile does.
func compiles(c *configs.Config) error {
	_, err := compile(c, connectors.NewSourceSlots())
	return err
}

// warnings are what is allowed and may not be what was meant: the configuration's own, and required attributes that
// nothing is mapped to, without which nobody can be created.
func warnings(c *configs.Config) configs.Problems {
	mapped := map[string]bool{}
	schema := ringcentral.Schema()
	for _, r := range c.Rules() {
		if a, ok := schema.Lookup(r.Target); ok {
			mapped[a.Name] = true
		}
	}
	all := append(configs.Problems{}, c.Warnings()...)
	for _, a := range schema.Attributes() {
		if a.Required && !mapped[a.Name] {
			all = append(all, c.Problem("users.attributes", "nothing is mapped to %s, which RingCentral requires: nobody can be created", a.Name))
		}
	}
	return all
}
