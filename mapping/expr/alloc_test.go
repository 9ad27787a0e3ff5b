package expr

import (
	"testing"

	"ringsync/connectors"
)

func compiled(t testing.TB, source string) (*Program, []connectors.Value) {
	attributes := newAnyone()
	p, err := Compile(source, attributes)
	if err != nil {
		t.Fatal(err)
	}
	return p, attributes.row(person{"mail": "john.doe@contoso.com", "IsSoftDeleted": false, "givenName": "Jöhn", "surname": "Doe"})
}

// What every person goes through allocates nothing.
func TestNoAllocations(t *testing.T) {
	for _, source := range []string{
		`[mail]`,
		`Switch([IsSoftDeleted], , "False", "True", "True", "False")`,
		`Not([IsSoftDeleted])`,
		`IIF(IsPresent([mail]), [mail], "none")`,
		`Coalesce([nothing], [mail])`,
		`Left([surname], 2)`,
	} {
		p, row := compiled(t, source)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := p.Eval(row, nil); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", source, n)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	for name, source := range map[string]string{
		"attribute": `[mail]`,
		"switch":    `Switch([IsSoftDeleted], , "False", "True", "True", "False")`,
		"join":      `ToLower(Join("@", NormalizeDiacritics(StripSpaces(Join(".", [givenName], [surname]))), "contoso.com"))`,
		"replace":   `Replace([mail], , "[().\\s-]+", , "", , )`,
	} {
		b.Run(name, func(b *testing.B) {
			p, row := compiled(b, source)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(row, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
