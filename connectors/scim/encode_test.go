package scim

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ringsync/connectors"
)

func encoder(t testing.TB, paths ...string) *Encoder {
	e, err := NewEncoder(connectors.NewSlots(paths...), testSchema)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEncoderResource(t *testing.T) {
	str := connectors.StringValue
	e := encoder(t, "userName", "active", "rank", "title", "name.givenName", "name.familyName", workMail, street, mobile, country, dept,
		`phoneNumbers[type eq "work" and primary eq true].value`, EnterpriseUser+":manager.value")
	values := []connectors.Value{str("ann"), str("True"), str("3"), str(""), str("Ann"), str("Ä"), str("ann@x.test"), str("Main St"),
		{}, str("US"), str("Sales"), str("+1"), str("m")}
	const want = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],` +
		`"userName":"ann","active":true,"rank":3,"name":{"givenName":"Ann","familyName":"Ä"},` +
		`"emails":[{"type":"work","value":"ann@x.test"}],` +
		`"addresses":[{"type":"work","streetAddress":"Main St","country":"US"}],` +
		`"phoneNumbers":[{"type":"work","primary":true,"value":"+1"}],` +
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales","manager":{"value":"m"}}}`
	if got := string(e.Resource(values)); got != want {
		t.Errorf("body\n%s\nwant\n%s", got, want)
	}
	if got := string(e.Attribute("Addresses", values)); got != `[{"type":"work","streetAddress":"Main St","country":"US"}]` {
		t.Errorf("addresses alone: %s", got)
	}
	if got := e.Attribute("photos", values); got != nil {
		t.Errorf("photos, which nobody maps: %s", got)
	}
	// What is empty is not said, and neither is the extension that nothing is left of.
	nothing := make([]connectors.Value, len(values))
	nothing[0], nothing[9] = str("ann"), connectors.NullValue()
	if got := string(e.Resource(nothing)); got != `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann"}` {
		t.Errorf("body of nearly nothing: %s", got)
	}
	if got := e.Attribute("addresses", nothing); got != nil {
		t.Errorf("no address: %s", got)
	}
}

// An attribute may be one slot as a whole.
func TestEncoderWholeAttributes(t *testing.T) {
	e := encoder(t, "userName", "roles", "name", "rank", "locked")
	body := e.Resource([]connectors.Value{connectors.StringValue("a\t\u2028"), connectors.StringsValue("x", "y"),
		connectors.ObjectValue(connectors.Field{Name: "givenName", Value: connectors.StringValue("G")}, connectors.Field{Name: "n", Value: connectors.NullValue()}),
		connectors.StringValue("no number"), connectors.BoolValue(false)})
	const want = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"a\u0009` + "\u2028" +
		`","roles":["x","y"],"name":{"givenName":"G","n":null},"rank":"no number","locked":false}`
	if string(body) != want {
		t.Errorf("body %s; want %s", body, want)
	}
	if got := string(e.Value(3, connectors.StringValue("7"))); got != "7" {
		t.Errorf("a whole number is written %s", got)
	}
}

func TestEncoderRefusesWhatContradicts(t *testing.T) {
	for _, paths := range [][]string{
		{"title", "TITLE"}, {"name", "name.givenName"}, {"emails.value", workMail}, {`emails[type eq "work"]`},
		{workMail, `EMAILS[type eq "WORK"].value`}, {dept, strings.ToUpper(dept)},
	} {
		if _, err := NewEncoder(connectors.NewSlots(paths...), testSchema); err == nil || !strings.Contains(err.Error(), "cannot be written") {
			t.Errorf("%v: %v", paths, err)
		}
	}
	encoder(t, workMail, `emails[type eq "home"].value`, `emails[type eq "work"].primary`, "title", EnterpriseUser+":title")
}

func TestPatchBody(t *testing.T) {
	got := string(PatchBody([]Operation{
		{"replace", "active", []byte("false")},
		{"add", mobile, []byte(`"+1"`)},
		{Op: "remove", Path: "title"},
		{"replace", "addresses", []byte(`[{"type":"work"}]`)},
	}))
	const want = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` +
		`{"op":"replace","path":"active","value":false},` +
		`{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1"},` +
		`{"op":"remove","path":"title"},` +
		`{"op":"replace","path":"addresses","value":[{"type":"work"}]}]}`
	if got != want {
		t.Errorf("body\n%s\nwant\n%s", got, want)
	}
}

// What is written under a set of paths is read back under them, empty where nothing was written.
func TestRoundTrip(t *testing.T) {
	kinds := []string{"userName", "title", "active", "rank", "name.givenName", "name.familyName", workMail, `emails[type eq "home"].value`,
		mobile, `phoneNumbers[type eq "\"x\" \\"].value`, street, country, dept, EnterpriseUser + ":manager.displayName",
		"urn:example:2.0:User:colour", `x[a eq "1" and b eq true].c`, `x[a eq "2"].c`, `x[a eq "2"].d`}
	rapid.Check(t, func(t *rapid.T) {
		paths := append([]string{"userName"}, rapid.SliceOfDistinct(rapid.SampledFrom(kinds[1:]), rapid.ID[string]).Draw(t, "paths")...)
		slots := connectors.NewSlots(paths...)
		d, err := NewDecoder(slots, testSchema)
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEncoder(slots, testSchema)
		if err != nil {
			t.Fatal(err)
		}
		text := rapid.StringMatching(`[ -~äß€😀\n]{1,12}`)
		values := make([]connectors.Value, len(paths))
		for i, p := range paths {
			switch {
			case i > 0 && rapid.Bool().Draw(t, "empty"):
				values[i] = connectors.NullValue()
			case p == "active":
				values[i] = connectors.BoolValue(rapid.Bool().Draw(t, p))
			case p == "rank":
				values[i] = connectors.IntValue(rapid.Int64().Draw(t, p))
			default:
				values[i] = connectors.StringValue(text.Draw(t, p))
			}
		}
		body := e.Resource(values)
		r, err := d.Resource(body)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		for i := range values {
			if !r.Values[i].Equal(values[i]) {
				t.Fatalf("%s of %s is %s; want %s", paths[i], body, show(r.Values[i:i+1]), show(values[i:i+1]))
			}
		}
	})
}

func BenchmarkEncodeResource(b *testing.B) {
	paths := []string{"userName", "externalId", "active", "title", "name.givenName", "name.familyName", workMail, mobile, street, country, dept}
	e := encoder(b, paths...)
	values := make([]connectors.Value, len(paths))
	for i := range values {
		values[i] = connectors.StringValue("some value of it")
	}
	b.ReportAllocs()
	for b.Loop() {
		e.Resource(values)
	}
}
