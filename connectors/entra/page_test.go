package entra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
)

// slotsOf returns source slots with more attributes.
func slotsOf(more ...string) *connectors.Slots {
	s := connectors.NewSourceSlots()
	for _, name := range more {
		s.Add(name)
	}
	return s
}

func TestPageOfMembers(t *testing.T) {
	sel := newSelection(slotsOf("mail", "businessPhones", "extensionAttribute7", "employeeOrgData.division",
		connectors.AttrIsSoftDeleted, "jobTitle"))
	page, err := sel.objects([]byte(`{
		"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#directoryObjects",
		"@odata.nextLink": "https://graph.microsoft.com/v1.0/next",
		"value": [
			{"@odata.type": "#microsoft.graph.user", "id": "AAAAAAAA-0000-0000-0000-000000000001",
			 "userPrincipalName": "zo\u00eb@contoso.com", "displayName": "Zoë \"Z\" O'Hara", "accountEnabled": false,
			 "mail": "", "businessPhones": ["+1 425 555 0100", "x"], "unknown": {"deep": [1, {"er": null}]},
			 "onPremisesExtensionAttributes": {"extensionAttribute1": "one", "extensionAttribute7": "seven"},
			 "employeeOrgData": null, "jobTitle": null},
			{"@odata.type": "#microsoft.graph.group", "id": "aaaaaaaa-0000-0000-0000-000000000002", "displayName": "All"},
			{"@odata.type": "#microsoft.graph.device", "id": "aaaaaaaa-0000-0000-0000-000000000003", "accountEnabled": true},
			{"id": "aaaaaaaa-0000-0000-0000-000000000004", "@removed": {"reason": "changed"}},
			{"@removed": {"reason": "deleted"}, "id": "aaaaaaaa-0000-0000-0000-000000000005"}
		]}`))
	if err != nil {
		t.Fatal(err)
	}
	if page.next != "https://graph.microsoft.com/v1.0/next" || page.delta != "" || len(page.objects) != 5 {
		t.Fatalf("got %+v", page)
	}
	want := []connectors.Value{
		connectors.StringValue("AAAAAAAA-0000-0000-0000-000000000001"),
		connectors.StringValue("zoë@contoso.com"),
		connectors.StringValue(`Zoë "Z" O'Hara`),
		connectors.BoolValue(false),
		connectors.StringValue(""),
		connectors.StringsValue("+1 425 555 0100", "x"),
		connectors.StringValue("seven"),
		connectors.NullValue(),
		{},
		connectors.NullValue(),
	}
	for i, v := range page.objects[0].row.Values {
		if !v.Equal(want[i]) {
			t.Errorf("%s: got %v %q, want %v %q", sel.names[i], v.Kind(), v.Text(), want[i].Kind(), want[i].Text())
		}
	}
	for i, want := range []struct {
		kind    kind
		id      string
		removed connectors.Removal
	}{
		{kindUser, "aaaaaaaa-0000-0000-0000-000000000001", connectors.NotRemoved},
		{kindGroup, "aaaaaaaa-0000-0000-0000-000000000002", connectors.NotRemoved},
		{kindOther, "aaaaaaaa-0000-0000-0000-000000000003", connectors.NotRemoved},
		{kindUnsaid, "aaaaaaaa-0000-0000-0000-000000000004", connectors.SoftDeleted},
		{kindUnsaid, "aaaaaaaa-0000-0000-0000-000000000005", connectors.HardDeleted},
	} {
		o := page.objects[i]
		if o.kind != want.kind || o.row.ID != want.id || o.row.Removed != want.removed {
			t.Errorf("object %d: got %v %s %v, want %v", i, o.kind, o.row.ID, o.row.Removed, want)
		}
	}
	if v := page.objects[1].row.Values[connectors.SlotAccountEnabled]; v.Kind() != connectors.Absent {
		t.Errorf("an accountEnabled that was never said: got %v", v.Kind())
	}
}

func TestPageThatCannotBeTrue(t *testing.T) {
	sel := newSelection(slotsOf("extensionAttribute1"))
	for _, tc := range []struct{ name, body, want string }{
		{"empty body", ``, "unexpected EOF"},
		{"web page", `<html><body>Sign in</body></html>`, "expected {"},
		{"cut short", `{"value":[{"id":"a","displayName":"B`, "unexpected EOF"},
		{"cut after an item", `{"value":[{"id":"a"},`, "unexpected EOF"},
		{"no value", `{"@odata.context":"x"}`, "no value"},
		{"value is null", `{"value":null}`, "expected ["},
		{"no id", `{"value":[{"displayName":"B"}]}`, "without an id"},
		{"two values", `{"value":[]}{}`, "something after"},
		{"bad number", `{"value":[{"id":"a","accountEnabled":01}]}`, "malformed value"},
		{"bad escape", `{"value":[{"id":"\x"}]}`, "malformed string"},
		{"control character", "{\"value\":[{\"id\":\"a\nb\"}]}", "control character"},
		{"extension attributes are a text", `{"value":[{"id":"a","onPremisesExtensionAttributes":"x"}]}`, "expected an object"},
		{"hostile nesting", `{"value":[{"id":"a","x":` + strings.Repeat("[", 100_000) + `}]}`, "nested too deep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := sel.objects([]byte(tc.body))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
		})
	}
}

// A list without its rows must never pass for an empty one.
func TestListsThatCannotBeTrue(t *testing.T) {
	for _, body := range []string{``, `{}`, `{"value":null}`, `[]`, `{"error":{"code":"x"}}`} {
		if _, err := assignments([]byte(body)); err == nil {
			t.Errorf("%s passed for a page of assignments", body)
		}
		if _, err := list[groupPage]([]byte(body)); err == nil {
			t.Errorf("%s passed for a page of groups", body)
		}
		if _, err := list[idPage]([]byte(body)); err == nil {
			t.Errorf("%s passed for a page of objects", body)
		}
		if _, err := list[batchPage]([]byte(body)); err == nil {
			t.Errorf("%s passed for a batch", body)
		}
	}
	for _, body := range []string{
		`{"value":[{"principalId":"a","principalType":"User"}]}`,
		`{"value":[{"principalType":"User","appRoleId":"r"}]}`,
	} {
		if _, err := assignments([]byte(body)); err == nil {
			t.Errorf("%s passed for a page of assignments", body)
		}
	}
	for _, body := range []string{`{"value":[{}]}`, `{"value":[{"id":"g","members@delta":[{}]}]}`} {
		if _, err := list[groupPage]([]byte(body)); err == nil {
			t.Errorf("%s passed for a page of groups", body)
		}
	}
}

// FuzzPage compares the decoder with encoding/json: it takes nothing that is not JSON, and of what it takes every
// value is the same.
func FuzzPage(f *testing.F) {
	f.Add([]byte(`{"value":[{"id":"a","userPrincipalName":"u","accountEnabled":true,"mail":null,"onPremisesExtensionAttributes":{"extensionAttribute1":"é\ud83d\ude00"}}]}`))
	f.Add([]byte(`{"@odata.deltaLink":"x","value":[{"id":"\u0041","@removed":{"reason":"deleted"}},{"id":"b","mail":"m","mail":1.5e3}]}`))
	f.Add([]byte("{\"value\":[{\"id\":\"\xff\",\"mail\":[-0,{\"a\":[]}]}]} "))
	f.Add([]byte(`{"value":[{"id":"a","onPremisesExtensionAttributes":null}],"value":[]}`))
	sel := newSelection(slotsOf("mail", "extensionAttribute1"))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := sel.objects(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("took what is not JSON: %q", body)
		}
		var loose struct {
			Value []map[string]any `json:"value"`
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if d.Decode(&loose) != nil || len(loose.Value) != len(page.objects) {
			return // repeated or case-folded names, where encoding/json merges
		}
		for i, o := range page.objects {
			if v, ok := loose.Value[i]["mail"]; ok && o.row.Values != nil {
				if want := connectors.FromJSON(v); !o.row.Values[4].Equal(want) && bytes.Count(body, []byte("value")) == 1 {
					t.Errorf("mail: got %v %q, want %v %q", o.row.Values[4].Kind(), o.row.Values[4].Text(), want.Kind(), want.Text())
				}
			}
		}
	})
}

// Objects are taken some at a time, in their order, and once somebody refuses nothing more of the page is read: what
// follows may be anything.
func TestPagePieceByPiece(t *testing.T) {
	sel := newSelection(slotsOf("mail"))
	body := userPage(3*blockRows + 7)
	var pieces []int
	var ids []string
	page, err := sel.pieces(body, func(some []object) error {
		pieces = append(pieces, len(some))
		for _, o := range some {
			ids = append(ids, o.row.ID)
		}
		return nil
	})
	if err != nil || page.refused != nil || page.objects != nil || !slices.Equal(pieces, []int{blockRows, blockRows, blockRows, 7}) {
		t.Errorf("pieces of %v, %+v, %v", pieces, page, err)
	}
	whole, err := sel.objects(body)
	if err != nil || len(whole.objects) != len(ids) {
		t.Fatalf("%d objects in pieces, %d in one, %v", len(ids), len(whole.objects), err)
	}
	for i, o := range whole.objects {
		if o.row.ID != ids[i] {
			t.Fatalf("object %d is %s, in one page %s", i, ids[i], o.row.ID)
		}
	}

	enough, taken := errors.New("enough"), 0
	garbled := append(body[:len(body)-2:len(body)-2], "garbled"...)
	refuse := func(some []object) error {
		if taken += len(some); taken > blockRows {
			return enough
		}
		return nil
	}
	if page, err := sel.pieces(garbled, refuse); err != nil || page.refused != enough || taken != 2*blockRows {
		t.Errorf("refused: %v, %v after %d", page.refused, err, taken)
	}
	if _, err := sel.pieces(garbled, func([]object) error { return nil }); err == nil {
		t.Error("took what is not JSON")
	}
}

// FuzzAssignments compares the decoder with encoding/json: it takes nothing that is not JSON, and of what it takes every
// assignment is the same.
func FuzzAssignments(f *testing.F) {
	f.Add([]byte(`{"@odata.nextLink":"n","value":[{"id":"x","principalId":"a","principalType":"User","appRoleId":"r","deep":[{"principalId":"b"}]},{"appRoleId":"r","principalType":"Group","principalId":"\u0062"}]}`))
	f.Add([]byte(`{"value":[{"principalId":"a","principalType":"User","appRoleId":null}]}`))
	f.Add([]byte(`{"value":[],"value":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := assignments(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("took what is not JSON: %q", body)
		}
		var strict struct {
			Next  string `json:"@odata.nextLink"`
			Value []struct{ PrincipalID, PrincipalType, AppRoleID string }
		}
		if json.Unmarshal(body, &strict) != nil || len(strict.Value) != len(page.rows) {
			return // repeated or case-folded names, where encoding/json merges
		}
		for i, a := range page.rows {
			if a.Principal == "" || a.Type == "" || a.Role == "" {
				t.Errorf("took an assignment of nobody: %+v", a)
			}
			if w := strict.Value[i]; a != (assignment{w.PrincipalID, w.PrincipalType, w.AppRoleID}) && bytes.Count(bytes.ToLower(body), []byte("principalid")) == len(page.rows) {
				t.Errorf("got %+v, want %+v", a, w)
			}
		}
	})
}

// userPage is a page of members as Graph writes it, with the properties of the default mapping.
func userPage(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#directoryObjects","value":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"@odata.type":"#microsoft.graph.user","id":"%08d-0000-4000-8000-000000000000","userPrincipalName":"firstname.lastname%d@contoso.onmicrosoft.com",`+
			`"displayName":"Firstname Lästname %d","accountEnabled":true,"mail":"firstname.lastname%d@contoso.com","givenName":"Firstname","surname":"Lästname",`+
			`"jobTitle":"Senior Account Manager","mobilePhone":"+1 425 555 %04d","streetAddress":"%d Main Street","city":"Redmond","state":"WA",`+
			`"postalCode":"98052","country":"United States","department":null}`, i, i, i, i, i, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

type benchUser struct {
	Type              string  `json:"@odata.type"`
	ID                string  `json:"id"`
	UserPrincipalName *string `json:"userPrincipalName"`
	DisplayName       *string `json:"displayName"`
	AccountEnabled    *bool   `json:"accountEnabled"`
	Mail              *string `json:"mail"`
	GivenName         *string `json:"givenName"`
	Surname           *string `json:"surname"`
	JobTitle          *string `json:"jobTitle"`
	MobilePhone       *string `json:"mobilePhone"`
	StreetAddress     *string `json:"streetAddress"`
	City              *string `json:"city"`
	State             *string `json:"state"`
	PostalCode        *string `json:"postalCode"`
	Country           *string `json:"country"`
	Department        *string `json:"department"`
}

// BenchmarkDecodePage decodes 999 people into rows. The budget is 1.5 times BenchmarkDecodePageEncodingJSON.
func BenchmarkDecodePage(b *testing.B) {
	body := userPage(999)
	sel := newSelection(slotsOf("mail", "givenName", "surname", "jobTitle", "mobilePhone", "streetAddress", "city", "state",
		"postalCode", "country", "department"))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		page, err := sel.objects(body)
		if err != nil || len(page.objects) != 999 {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodePageEncodingJSON decodes the same page with encoding/json into a struct.
func BenchmarkDecodePageEncodingJSON(b *testing.B) {
	body := userPage(999)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var page struct {
			Value []benchUser `json:"value"`
		}
		if err := json.Unmarshal(body, &page); err != nil || len(page.Value) != 999 {
			b.Fatal(err)
		}
	}
}
