package main

import (
	"ringsync/configs"
	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
	"ringsync/mapping"
)

// compile checks a configuration's mappings and filters against what both sides offer, and adds the source attributes
// they read to slots. What is wrong comes as configs.Problems, with its place in the file.
func compile(c *configs.Config, slots *connectors.Slots) (*mapping.Mapping, error) {
	m, err := mapping.Compile(c.Rules(), c.FilterGroups(), entra.Schema(), ringcentral.Schema(), slots)
	if err != nil {
		return nil, c.MappingProblems(err)
	}
	return m, nil
}
