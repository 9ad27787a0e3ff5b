package statetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"ringsync/connectors"
	"ringsync/state"
)

// Attributes are the target attributes of the default mapping for RingCentral.
var Attributes = [...]string{
	"userName", `emails[type eq "work"].value`, "externalId", "name.givenName", "name.familyName", "title",
	`phoneNumbers[type eq "mobile"].value`, `addresses[type eq "work"].streetAddress`,
	`addresses[type eq "work"].locality`, `addresses[type eq "work"].region`, `addresses[type eq "work"].postalCode`,
	`addresses[type eq "work"].country`,
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "active",
}

// Person returns the n-th of as many people as are wanted, no two of them alike and all as records are in daily life:
// linked, written once, and answered with what was sent except for the country.
func Person(n int) *state.Person {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	given := pick("Adele", "Alexander", "Benedikt", "Charlotte", "Dominique", "Friederike", "Grady", "Ioannis", "Joni", "Wilhelmina")
	family := pick("Vance", "Abernathy", "Christopoulos", "Featherstonehaugh", "Lindqvist", "Müller", "Okonkwo", "Petrov", "Raman", "Sharma")
	title := pick("Account Executive", "Senior Software Engineer", "Director of Operations", "Marketing Assistant", "Customer Success Manager")
	street := fmt.Sprintf("%d %s", random.IntN(9000), pick("Grove Street", "North Michigan Avenue", "University Boulevard", "Old Mill Road, Suite 400"))
	mail := fmt.Sprintf("%s.%s%d@contoso.com", given, family, n)
	id := fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", random.Uint32(), random.IntN(1<<16), random.IntN(1<<12), random.IntN(1<<12), random.Uint64N(1<<48))
	values := [len(Attributes)]connectors.Value{}
	for i, text := range [...]string{
		mail, mail, id, given, family, title, fmt.Sprintf("+1650555%04d", n%10000), street,
		pick("Belmont", "San Francisco", "Salt Lake City", "Charlotte"), pick("CA", "California", "Utah", "North Carolina"),
		fmt.Sprintf("%05d", random.IntN(100000)), "US", pick("Sales & Marketing", "Engineering", "Customer Success", "Legal"),
	} {
		values[i] = connectors.StringValue(text)
	}
	values[len(values)-1] = connectors.BoolValue(true)
	p := &state.Person{
		ID: id, UserPrincipalName: mail, DisplayName: given + " " + family,
		Scope: state.InScope, Generation: 3, Ours: true,
		TargetID:  fmt.Sprint(1271140000 + n),
		LastWrite: time.UnixMilli(1767225600000 + int64(n)*997).UTC(),
	}
	for i, name := range Attributes {
		p.Attributes = append(p.Attributes, state.Attribute{Name: name, Want: values[i], Sent: values[i], Answer: values[i]})
	}
	p.Attribute(`addresses[type eq "work"].country`).Answer = connectors.StringValue("United States")
	return p
}
