package configs

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ringsync/connectors"
)

// draftEnv answers for the variables that a draft names.
func draftEnv(name string) (string, bool) {
	ids := map[string]string{
		"ENTRA_TENANT": "contoso.com", "ENTRA_APP": "4d1e2c3b-0a19-4f28-b7c6-d5e4f3a2b1c0",
		"ENTRA_CLIENT_ID": "9b8a7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d", "ENTRA_CLIENT_SECRET": "a", "RINGCENTRAL_SCIM_TOKEN": "b",
	}
	v, ok := ids[name]
	return v, ok
}

// awkward draws texts that YAML and references have opinions about.
func awkward() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringN(1, 40, -1),
		rapid.SampledFrom([]string{"true", "NO", "~", "null", "12", "0x1f", "1e3", "-", "- a", "a: b", "a #b", "#", "'", `"`, `\`, "''", "{", "}", "[", "a,b", "&x", "*x",
			"!t", "|", ">", "%", "@", "`", "? a", ":", "a:", " a", "a ", "\t", "\n", "a\nb", "\r\n", "\x00", "\u0085", "\u2028", "\ufeff", "\u00a0", "😀", "\U000e0001",
			"${", "$${", "$$${x}", "${HOME}", "${file:/etc/passwd}", "$", "$$", "a$", "---", "...", "<<", "=", ".inf", "2026-01-01", "urn:a:b"}),
		rapid.StringMatching(`[a-z ${}'"\\:#,\n\[\]]{1,30}`),
		rapid.Custom(func(t *rapid.T) string {
			return `Replace([mobile], , "` + rapid.StringMatching(`[-()\\s+${}'#: ]{0,20}`).Draw(t, "pattern") + `", , "${n}", , )`
		}),
	)
}

func TestDraftGivesItsTextsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := awkward()
		maybe := func(name string) string {
			if rapid.Bool().Draw(t, name+" given") {
				return text.Draw(t, name)
			}
			return ""
		}
		var d Draft
		d.Actions, d.HoldScope = []string{"create", "update", "disable"}, rapid.Bool().Draw(t, "hold")
		d.Origin = text.Draw(t, "origin")
		d.Beside = []string{text.Draw(t, "beside")}
		for range rapid.IntRange(0, 3).Draw(t, "filters") {
			f := DraftFilter{Filter: Filter{Name: maybe("name")}, Off: rapid.Bool().Draw(t, "off"), Remarks: []string{text.Draw(t, "remark")}}
			for range rapid.IntRange(1, 2).Draw(t, "clauses") {
				f.All = append(f.All, Clause{Attribute: text.Draw(t, "attribute"), Operator: "EQUALS", Value: maybe("value")})
			}
			d.Filters = append(d.Filters, f)
		}
		d.Attributes = []DraftAttribute{{Attribute: Attribute{Target: "active", Source: "IsSoftDeleted", Apply: "always", WhenNull: "keep"}}}
		for range rapid.IntRange(0, 3).Draw(t, "attributes") {
			a := DraftAttribute{Attribute: Attribute{Target: text.Draw(t, "target"), Match: rapid.IntRange(0, 2).Draw(t, "match")},
				Off: rapid.Bool().Draw(t, "off"), Remarks: []string{text.Draw(t, "remark")}}
			value := text.Draw(t, "from")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				a.Source = value
			case 1:
				a.Expression = value
			default:
				a.Constant = &value
			}
			a.Apply, a.WhenNull = rapid.SampledFrom([]string{"always", "create"}).Draw(t, "apply"), rapid.SampledFrom([]string{"keep", "clear"}).Draw(t, "null")
			if rapid.Bool().Draw(t, "default given") {
				v := rapid.OneOf(rapid.Map(text, connectors.StringValue), rapid.Map(rapid.Bool(), connectors.BoolValue),
					rapid.Map(rapid.Int64(), connectors.IntValue)).Draw(t, "default")
				a.Default = &v
			}
			d.Attributes = append(d.Attributes, a)
		}
		yaml := d.YAML()
		c, err := Parse("draft.yaml", yaml, draftEnv)
		if err != nil {
			t.Fatalf("%v\n%s", err, yaml)
		}
		var filters []Filter
		for _, f := range d.Filters {
			if !f.Off {
				filters = append(filters, f.Filter)
			}
		}
		if !slices.EqualFunc(c.Users.Filters, filters, func(a, b Filter) bool { return a.Name == b.Name && slices.Equal(a.All, b.All) }) {
			t.Fatalf("filters %q became %q\n%s", filters, c.Users.Filters, yaml)
		}
		var attributes []Attribute
		for _, a := range d.Attributes {
			if !a.Off {
				attributes = append(attributes, a.Attribute)
			}
		}
		if !slices.EqualFunc(c.Users.Attributes, attributes, sameAttribute) {
			t.Fatalf("attributes %+v became %+v\n%s", attributes, c.Users.Attributes, yaml)
		}
	})
}

func sameAttribute(a, b Attribute) bool {
	if (a.Constant == nil) != (b.Constant == nil) || a.Constant != nil && *a.Constant != *b.Constant {
		return false
	}
	if (a.Default == nil) != (b.Default == nil) || a.Default != nil && !a.Default.Equal(*b.Default) {
		return false
	}
	a.Constant, b.Constant, a.Default, b.Default = nil, nil, nil, nil
	return a == b
}
