package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ringsync/connectors"
)

const (
	workMail = `emails[type eq "work"].value`
	mobile   = `phoneNumbers[type eq "mobile"].value`
	street   = `addresses[type eq "work"].streetAddress`
	country  = `addresses[type eq "work"].country`
	dept     = EnterpriseUser + ":department"
)

var testSchema = connectors.NewSchema("test user", []connectors.Attribute{
	{Name: "userName", Required: true}, {Name: "active", Type: connectors.TypeBoolean}, {Name: "title"},
	{Name: "rank", Type: connectors.TypeInteger}, {Name: "name.givenName"}, {Name: workMail}, {Name: dept},
	{Name: mobile, Unlisted: true}, {Name: street, Unlisted: true}, {Name: country, Unlisted: true},
}, Fold, nil)

func decoder(t testing.TB, paths ...string) *Decoder {
	d, err := NewDecoder(connectors.NewSlots(paths...), testSchema)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// show writes values as JSON, Absent as a dash.
func show(values []connectors.Value) string {
	var parts []string
	for _, v := range values {
		b, _ := v.MarshalJSON()
		if v.Kind() == connectors.Absent {
			b = []byte("-")
		}
		parts = append(parts, string(b))
	}
	return strings.Join(parts, " ")
}

func TestResource(t *testing.T) {
	for _, test := range []struct {
		what, paths, body, want string
	}{
		{"values as they are", "userName title active rank",
			`{"id":"1","userName":"a","title":"T\u00e9\n","active":true,"rank":3}`, `"a" "Té\n" true 3`},
		{"sub-attributes and elements", `name.givenName ` + workMail + ` ` + dept,
			`{"userName":"a","name":{"familyName":"F","givenName":"G"},"emails":[{"value":"h","type":"home"},{"value":"w","type":"Work"}],
			"` + EnterpriseUser + `":{"department":"D"}}`, `"G" "w" "D"`},
		{"names in any letter case", `name.givenName ` + workMail + ` ` + dept,
			`{"USERNAME":"a","Name":{"GIVENNAME":"G"},"EMAILS":[{"TYPE":"work","VALUE":"w"}],
			"` + strings.ToLower(EnterpriseUser) + `":{"Department":"D"}}`, `"G" "w" "D"`},
		{"empty in every way", `title name.givenName ` + workMail + ` ` + mobile + ` ` + dept + ` ` + street,
			`{"userName":"a","title":null,"name":{},"emails":[],"phoneNumbers":null,"` + EnterpriseUser + `":{},"addresses":[{"type":"work"}]}`,
			`null null null null null null`},
		{"a whole resource leaves out what is unassigned", `title name.givenName ` + mobile + ` ` + dept, `{"userName":"a"}`, `null null null null`},
		{"one without userName is not whole", `title name.givenName ` + mobile, `{"id":"1","name":{}}`, `- null -`},
		{"no element of the type", workMail, `{"userName":"a","emails":[{"value":"h","type":"home"},{"value":"x"},7,null,"s"]}`, `null`},
		{"the first element of the type that has a value", workMail,
			`{"userName":"a","emails":[{"type":"work"},{"type":"work","value":"1"},{"type":"work","value":"2"}]}`, `"1"`},
		{"an object instead of a list", workMail, `{"userName":"a","emails":{"type":"work","value":"1"}}`, `"1"`},
		{"a filter on a boolean, as Entra writes it", `roles[primary eq "True"].value`,
			`{"userName":"a","roles":[{"value":"1"},{"value":"2","primary":true}]}`, `"2"`},
		{"two conditions", `x[a eq "1" and b eq 2].c`, `{"userName":"a","x":[{"a":"1","b":3,"c":"no"},{"a":"1","b":2,"c":"yes"}]}`, `"yes"`},
		{"all values of a list", `emails.value`, `{"userName":"a","emails":[{"value":"1"},{"type":"home"},{"value":"2"}]}`, `["1","2"]`},
		{"whole attributes and elements", `emails emails[type eq "work"] name`,
			`{"userName":"a","emails":[{"type":"work","value":"1"}],"name":{"givenName":"G"}}`,
			`[{"type":"work","value":"1"}] {"type":"work","value":"1"} {"givenName":"G"}`},
		{"a sub-attribute of an extension", EnterpriseUser + ":manager.value",
			`{"userName":"a","` + EnterpriseUser + `":{"manager":{"value":"m"}}}`, `"m"`},
		{"unknown attributes of every kind", "title",
			`{"userName":"a","x":[1,{"y":[]},"\"",-1.5e3,true,false,null],"title":"T"}`, `"T"`},
		{"numbers that are no whole numbers stay text", "rank", `{"userName":"a","rank":1.50}`, `"1.50"`},
		{"broken UTF-8 is replaced", "title", "{\"userName\":\"a\",\"title\":\"x\xff\"}", `"x` + "\ufffd" + `"`},
	} {
		var paths []string
		for p := range strings.SplitSeq(strings.ReplaceAll(strings.ReplaceAll(test.paths, " eq ", "~eq~"), " and ", "~and~"), " ") {
			paths = append(paths, strings.ReplaceAll(p, "~", " "))
		}
		r, err := decoder(t, paths...).Resource([]byte(test.body))
		if got := show(r.Values); err != nil || got != test.want {
			t.Errorf("%s: %s (%v); want %s", test.what, got, err, test.want)
		}
	}
}

func TestResourceIdentity(t *testing.T) {
	r, err := decoder(t).Resource([]byte(` {"id":12,"userName":"ann","externalId":"e","active":"True"} `))
	if err != nil || r.ID != "12" || r.UserName != "ann" || r.ExternalID != "e" || !r.Active || len(r.Values) != 0 {
		t.Errorf("%+v (%v)", r, err)
	}
}

func TestResourceRefuses(t *testing.T) {
	for _, body := range []string{``, `<html>`, `[]`, `"x"`, `null`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1}x`, `{"a":tru}`,
		`{"a":01}`, `{"a":"\x"}`, `{"a":"` + "\n" + `"}`, `{"a":[1 2]}`, `{"id":"1"`, `{"title":{"a":]}}`, `{a:1}`} {
		if r, err := decoder(t, "title").Resource([]byte(body)); err == nil {
			t.Errorf("%s is taken for %+v", body, r)
		}
	}
	deep := strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)
	if _, err := decoder(t).Resource([]byte(deep)); !errors.Is(err, errTooDeep) {
		t.Errorf("deep nesting: %v", err)
	}
}

func TestNewDecoderRefuses(t *testing.T) {
	if _, err := NewDecoder(connectors.NewSlots("emails["), testSchema); err == nil {
		t.Error("a slot that is no path compiles")
	}
	if _, err := NewEncoder(connectors.NewSlots("emails["), testSchema); err == nil {
		t.Error("a slot that is no path compiles")
	}
}

// The decoder accepts what encoding/json accepts, and sees the same in it.
func FuzzResource(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","userName":"a","title":"T\u00e9","active":true,"emails":[{"type":"work","value":"w"}],"name":{"givenName":null}}`,
		`{"title":"\ud83d\ude00\/","x":[-0.1e+9,[],{}],"name":"x"}`, `{"title":1,"title":"2"}`, "{\"title\":\"\xff\"}", `[{}]`, ``, `{"a":"\u12"}`,
	} {
		f.Add([]byte(seed))
	}
	d := decoder(f, "title", "name", "name.givenName", workMail)
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := d.Resource(body)
		var reference map[string]json.RawMessage
		refused := json.Unmarshal(body, &reference)
		if errors.Is(err, errTooDeep) {
			return
		}
		if isNull := strings.TrimSpace(string(body)) == "null"; (err == nil) != (refused == nil && !isNull) {
			t.Fatalf("%q: %v, encoding/json: %v", body, err, refused)
		}
		if err != nil {
			return
		}
		// Of several members with one name in different letter case the last wins, which a map does not show.
		spellings := map[string]int{}
		for name := range reference {
			spellings[strings.ToLower(name)]++
		}
		if raw, ok := reference["title"]; ok && spellings["title"] == 1 {
			var want connectors.Value
			if err := want.UnmarshalJSON(raw); err != nil || !r.Values[0].Equal(want) {
				t.Fatalf("%q: title is %s; want %s (%v)", body, show(r.Values[:1]), raw, err)
			}
		}
	})
}

func BenchmarkResource(b *testing.B) {
	d := decoder(b, "userName", "externalId", "active", "title", "name.givenName", "name.familyName", workMail, mobile, street, country, dept)
	body := []byte(accountJSON(1))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Resource(body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResourceViaMap is what the decoder is measured against.
func BenchmarkResourceViaMap(b *testing.B) {
	body := []byte(accountJSON(1))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func accountJSON(n int) string {
	return fmt.Sprintf(`{"schemas":["%s","%s"],"id":"%d","externalId":"701985","meta":{"resourceType":"User",
"created":"2017-02-14T18:29:01.194Z","lastModified":"2017-02-14T18:29:01.194Z","location":"http://scim.example.test/scim/v2/Users/1"},
"userName":"jim.bean%d@example.test","name":{"familyName":"Bean","givenName":"Jim"},"active":true,"title":"Engineer",
"emails":[{"primary":false,"value":"jim.bean%d@example.test","type":"work"}],
"phoneNumbers":[{"value":"+16505550100","type":"mobile"},{"value":"146","type":"other"}],
"addresses":[{"primary":false,"streetAddress":"100 Main St","locality":"Belmont","region":"CA","postalCode":"94002","country":"United States","type":"work"}],
"%s":{"department":"Sales"}}`, CoreUser, EnterpriseUser, n, n, n, EnterpriseUser)
}
