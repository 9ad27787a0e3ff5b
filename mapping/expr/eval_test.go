package expr

import (
	"errors"
	"testing"
	"time"

	"ringsync/connectors"
)

// person is a row of a test by name.
type person map[string]any

// failure is the expected message of an evaluation that fails.
type failure string

// notSent is the expected result when an attribute is left out of the flow.
type ignored struct{}

var notSent = ignored{}

// anyone offers every attribute name that is asked for.
type anyone struct{ slots *connectors.Slots }

func newAnyone() anyone { return anyone{connectors.NewSlots()} }

func (a anyone) Attribute(name string) (int, connectors.Attribute, bool) {
	attribute := connectors.Attribute{Name: name}
	if name == connectors.AttrAppRoleAssignments {
		attribute.Type, attribute.MultiValued = connectors.TypeComplex, true
	}
	return a.slots.Add(name), attribute, true
}

func (a anyone) Nearest(string) string { return "" }

func (a anyone) row(p person) []connectors.Value {
	row := make([]connectors.Value, a.slots.Len())
	for i, name := range a.slots.Names() {
		if raw, ok := p[name]; ok {
			row[i] = toValue(raw)
		}
	}
	return row
}

func toValue(raw any) connectors.Value {
	if n, ok := raw.(int); ok {
		return connectors.IntValue(int64(n))
	}
	return connectors.FromJSON(raw)
}

type evalCase struct {
	expression string
	person     person
	want       any // text, number, list, nil for null, notSent, failure
}

func (tc evalCase) check(t *testing.T) {
	t.Helper()
	tc.checkIn(t, nil)
}

func (tc evalCase) checkIn(t *testing.T, env *Environment) {
	t.Helper()
	attributes := newAnyone()
	program, err := Compile(tc.expression, attributes)
	if err != nil {
		t.Errorf("compile %s: %v", tc.expression, err)
		return
	}
	got, err := program.Eval(attributes.row(tc.person), env)
	switch want := tc.want.(type) {
	case failure:
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Message != string(want) {
			t.Errorf("%s for %v\n got %v, %v\nwant error %q", tc.expression, tc.person, got, err, want)
		}
	case ignored:
		if err != nil || got.Kind() != connectors.Absent {
			t.Errorf("%s for %v = %q, %v, want the attribute left out", tc.expression, tc.person, got.Text(), err)
		}
	default:
		if err != nil || !got.Equal(toValue(want)) {
			t.Errorf("%s for %v\n got %q (kind %d), %v\nwant %q", tc.expression, tc.person, got.Text(), got.Kind(), err, want)
		}
	}
}

// documented are the examples that Microsoft's pages give for each function, or that follow from their rules.
var documented = []evalCase{
	{`Append(Mid([givenName], 1, 3), Mid([surname], 1, 5))`, person{"givenName": "John", "surname": "Doe"}, "JohDoe"},
	{`BitAnd(&HF, &HF7)`, nil, 7},
	{`CBool([attribute1] = [attribute2])`, person{"attribute1": "x", "attribute2": "x"}, "True"},
	{`AppRoleAssignmentsComplex([appRoleAssignments])`, person{"appRoleAssignments": []any{
		map[string]any{"id": "06b07648-ecfe-589f-9d2f-6325724a46ee", "value": "Admin", "displayName": "Admin"},
		map[string]any{"id": "06b07648-ecfe-599f-9d2f-6325724a46ee", "value": "User", "displayName": "User"}}}, []any{
		map[string]any{"primary": false, "type": "WindowsAzureActiveDirectoryRole", "displayName": "Admin", "value": "Admin"},
		map[string]any{"primary": false, "type": "WindowsAzureActiveDirectoryRole", "displayName": "User", "value": "User"}}},
	{`CDate([StatusHireDate])`, person{"StatusHireDate": "2020-03-16-07:00"}, "3/16/2020 7:00:00 AM"},
	{`CDate("2021-06-30+08:00")`, nil, "6/29/2021 4:00:00 PM"},
	{`Coalesce([mail],[userPrincipalName])`,
		person{"mail": nil, "userPrincipalName": "John.Doe@contoso.com"}, "John.Doe@contoso.com"},
	{`ConvertToBase64("Hello world!")`, nil, "SABlAGwAbABvACAAdwBvAHIAbABkACEA"},
	{`Join("", 1000, Replace(ConvertToUTF8Hex([objectId]), , "[a-zA-Z_]*", , "", , ))`,
		person{"objectId": "d05e47b1-3909-445a-ba5e-ca60cbc0e4b4"}, "100064303565343762312333930392343435612626135652636136306362633065346234"},
	{`Count([proxyAddresses])`, person{"proxyAddresses": []any{"a", "b", "c"}}, 3},
	{`CStr([dn])`, person{"dn": "cn=Joe,dc=contoso,dc=com"}, "cn=Joe,dc=contoso,dc=com"},
	{`DateAdd("d", -10, CDate([StatusHireDate]))`, person{"StatusHireDate": "2012-03-16-07:00"}, "3/6/2012 7:00:00 AM"},
	{`DateAdd("ww", 2, CDate([StatusHireDate]))`, person{"StatusHireDate": "2012-03-16-07:00"}, "3/30/2012 7:00:00 AM"},
	{`DateAdd("yyyy", 2, CDate([StatusHireDate]))`, person{"StatusHireDate": "2012-03-16-07:00"}, "3/16/2014 7:00:00 AM"},
	{`DateDiff("d", CDate([date1]), CDate([date2]))`, person{"date1": "8/25/2021 5:41:18 PM", "date2": "2012-03-16-07:00"}, -3449},
	{`DateDiff("m", CDate([date1]), CDate([date2]))`, person{"date1": "8/25/2021 5:41:18 PM", "date2": "2012-03-16-07:00"}, -113},
	{`DateDiff("yyyy", CDate([date1]), CDate([date2]))`, person{"date1": "8/25/2021 5:41:18 PM", "date2": "2012-03-16-07:00"}, -9},
	{`DateDiff("ww", CDate([date1]), CDate([date2]))`, person{"date1": "8/25/2021 5:41:18 PM", "date2": "2012-03-16-07:00"}, -493},
	{`DateDiff("d", CDate([date1]), CDate([date2]))`, person{"date1": "2021-08-31+08:00", "date2": "2021-08-31+08:00"}, 0},
	{`DateDiff("s", CDate([date1]), CDate([date2]))`, person{"date1": "2021-08-24", "date2": "2021-08-25"}, 86400},
	{`Switch([Active], , "1", IIF(DateDiff("d", Now(), CDate([StatusHireDate])) > 5, "False", "True"), "0", "False")`,
		person{"Active": "1", "StatusHireDate": "2021-07-05"}, "True"},
	{`Switch([Active], , "1", IIF(DateDiff("d", Now(), CDate([StatusHireDate])) > 5, "False", "True"), "0", "False")`,
		person{"Active": "1", "StatusHireDate": "2021-07-09"}, "False"},
	{`Switch([Active], , "1", IIF(DateDiff("d", Now(), CDate([StatusHireDate])) > 5, "False", "True"), "0", "False")`,
		person{"Active": "0", "StatusHireDate": "2021-07-05"}, "False"},
	{`DateFromNum([lastLogonTimestamp])`, person{"lastLogonTimestamp": "129699324000000000"}, "2012-01-01T23:00:00Z"},
	{`FormatDateTime([extensionAttribute1], "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")`,
		person{"extensionAttribute1": "20150123105347.1Z"}, "2015-01-23"},
	{`IgnoreFlowIfNullOrEmpty([department])`, person{"department": ""}, notSent},
	{`IgnoreFlowIfNullOrEmpty(Switch([prefix], "", "3443", "Dr.", "3444", "Prof.", "3445", "Prof. Dr."))`,
		person{"prefix": "9999"}, notSent},
	{`IgnoreFlowIfNullOrEmpty([BusinessTitle])`, person{"BusinessTitle": nil}, notSent},
	{`IIF([country]="USA",[country],[department])`, person{"country": "USA", "department": "Sales"}, "USA"},
	{`IIF([country]="USA",[country],[department])`, person{"country": "DE", "department": "Sales"}, "Sales"},
	{`IIF([country]="USA","True",IIF([state]="CA","True","False"))`, person{"country": "CA", "state": "CA"}, "True"},
	{`IIF([country]="USA","True",IIF([state]="CA","True","False"))`, person{"country": "CA", "state": "ON"}, "False"},
	{`IIF([companyName] = "Company A", "A", IIF([companyName] = "Company B", "B", "External"))`,
		person{"companyName": "Company B"}, "B"},
	{`InStr("The quick brown fox","quick")`, nil, 5},
	{`InStr("repEated","e",3,vbBinaryCompare)`, nil, 7},
	{`IsNull([displayName])`, person{"displayName": nil}, "True"},
	{`IsNullOrEmpty([displayName])`, person{"displayName": ""}, "True"},
	{`Item([proxyAddresses], 1)`,
		person{"proxyAddresses": []any{"SMTP:a@contoso.com", "smtp:b@contoso.com"}}, "SMTP:a@contoso.com"},
	{`Join(", ", "", [surname], [givenName])`, person{"givenName": "John", "surname": "Doe"}, "Doe, John"},
	{`Left("John Doe", 3)`, nil, "Joh"},
	{`Left("John Doe", 0)`, nil, ""},
	{`Left([x], 3)`, person{"x": nil}, ""},
	{`Mid([surname], 1, 5)`, person{"surname": "Doe"}, "Doe"},
	{`Mid([userPrincipalName], 1, 8)`, person{"userPrincipalName": "johns@contoso.com"}, "johns@co"},
	{`NormalizeDiacritics([givenName])`, person{"givenName": "Zoë"}, "Zoe"},
	{`NormalizeDiacritics("Grøßmüller")`, nil, "Groessmuller"},
	{`Not([IsSoftDeleted])`, person{"IsSoftDeleted": "True"}, "False"},
	{`Now()`, nil, "7/2/2021 3:33:38 PM"},
	{`NumFromDate(Join("", FormatDateTime([ContractEndDate], ,"yyyy-MM-ddzzz", "yyyy-MM-dd"), " 23:59:59-08:00"))`,
		person{"ContractEndDate": "2020-12-31-08:00"}, "132539615990000000"},
	{`PCase([firstName])`, person{"firstName": "PABLO GONSALVES (SECOND)"}, "Pablo Gonsalves (Second)"},
	{`PCase([lastName]," '-")`, person{"lastName": "PINTO-DE'SILVA"}, "Pinto-De'Silva"},
	{`Redact("StringToBeRedacted")`, nil, "StringToBeRedacted"},
	{`RemoveDuplicates([proxyAddresses])`, person{"proxyAddresses": []any{"a", "b", "a"}}, []any{"a", "b"}},
	{`Replace([BusinessTitle],"Product Developer", , , "Software Engineer", , )`,
		person{"BusinessTitle": "Product Developer"}, "Software Engineer"},
	{`Replace([UserID],"<username>", , , , , "<username>@contoso.com")`,
		person{"UserID": "jsmith"}, "jsmith@contoso.com"},
	{`Replace([telephoneNumber], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", , "${phoneNumber}", , )`,
		person{"telephoneNumber": "+91 9998887777"}, "9998887777"},
	{`Replace([AddressLineData], ,"(?<streetNumber>^\\d*)","streetNumber", "888", , )`,
		person{"AddressLineData": "545 Tremont Street"}, "888 Tremont Street"},
	{`Replace([telephoneNumber], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", "phoneNumber" , , [mobile], )`,
		person{"telephoneNumber": "", "mobile": "+91 8887779999"}, "8887779999"},
	{`Replace([mailNickname], , "[a-zA-Z_]*", , "", , )`, person{"mailNickname": "john_doe72"}, "72"},
	{`SelectUniqueValue( Join("@", NormalizeDiacritics(StripSpaces(Join(".",  [PreferredFirstName], [PreferredLastName]))), "contoso.com"), Join("@", NormalizeDiacritics(StripSpaces(Join(".",  Mid([PreferredFirstName], 1, 1), [PreferredLastName]))), "contoso.com"), Join("@", NormalizeDiacritics(StripSpaces(Join(".",  Mid([PreferredFirstName], 1, 2), [PreferredLastName]))), "contoso.com"))`,
		person{"PreferredFirstName": "John", "PreferredLastName": "Smith"}, "J.Smith@contoso.com"},
	{`SingleAppRoleAssignment([appRoleAssignments])`,
		person{"appRoleAssignments": []any{map[string]any{"id": "06b07648-ecfe-589f-9d2f-6325724a46ee", "value": "Admin", "displayName": "Admin"}}}, "Admin"},
	{`Split([extensionAttribute5], ",")`,
		person{"extensionAttribute5": "PermissionSetOne, PermissionSetTwo"}, []any{"PermissionSetOne", "PermissionSetTwo"}},
	{`StripSpaces("Ann Marie.Smith")`, nil, "AnnMarie.Smith"},
	{`Switch([state], "Australia/Sydney", "NSW", "Australia/Sydney","QLD", "Australia/Brisbane", "SA", "Australia/Adelaide")`,
		person{"state": "QLD"}, "Australia/Brisbane"},
	{`Switch([state], "Australia/Sydney", "NSW", "Australia/Sydney","QLD", "Australia/Brisbane", "SA", "Australia/Adelaide")`,
		person{"state": "WA"}, "Australia/Sydney"},
	{`Switch(ToLower([statusFlag]), "0", "true", "1", "false", "0")`, person{"statusFlag": "TRUE"}, "1"},
	{`Switch([country],[country],"","Other")`, person{"country": nil}, "Other"},
	{`Switch([country],[country],"","Other")`, person{"country": "USA"}, "USA"},
	{`Switch(IsPresent([jobTitle]), "DefaultValue", "True", [jobTitle])`, person{"jobTitle": "Engineer"}, "Engineer"},
	{`Switch([BusinessTitle],[BusinessTitle],"","N/A")`, person{"BusinessTitle": ""}, "N/A"},
	{`switch([companyName], "External", "Company A", "A", "Company B", "B")`, person{"companyName": "Company B"}, "B"},
	{`Switch([TerminatedWorkers], Switch([Active], , "1", "False", "0", "True"), "Terminated Workers", "True")`,
		person{"TerminatedWorkers": nil, "Active": "1"}, "False"},
	{`ToLower(Join("@", NormalizeDiacritics(StripSpaces(Join(".",  [PreferredFirstName], [PreferredLastName]))), "contoso.com"))`,
		person{"PreferredFirstName": "John", "PreferredLastName": "Smith"}, "john.smith@contoso.com"},
	{`ToUpper([givenName])`, person{"givenName": "John"}, "JOHN"},
	{`Word("The quick brown fox",3," ")`, nil, "brown"},
	{`Word("a b",3," ")`, nil, ""},
	{`Trim(" Test ")`, nil, "Test"},
	{`ConvertFromBase64("SGVsbG8gd29ybGQh", UTF8)`, nil, "Hello world!"},
	{`IIF(IsPresent([accountName]),[accountName],Error("AccountName is required"))`,
		person{"accountName": nil}, failure("AccountName is required")},
}

// documentedMoment is Now in the reference's example.
var documentedMoment = time.Date(2021, 7, 2, 15, 33, 38, 0, time.UTC)

func TestDocumentedExamples(t *testing.T) {
	env := Environment{Now: documentedMoment, Taken: func(text string) bool { return text == "John.Smith@contoso.com" }}
	for _, tc := range documented {
		tc.checkIn(t, &env)
	}
}
