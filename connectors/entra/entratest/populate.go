package entratest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// What people are made of. Names carry diacritics, apostrophes and hyphens, since real ones do.
var (
	givenNames = words(`Adele Agnieszka Alejandro Amélie Anaïs Andrew Björn Brian Callum Chloë Claire Daniel Deborah
		Dieter Élodie Emily Fatima François George Grace Günther Hannah Hélène Imran Isabella Jack Jürgen Karen Lars
		Łukasz Maria-José Mateo Megan Mehmet Michael Núria Olivia Patrick Priya Quentin Rebecca René Sébastien Siân
		Søren Thérèse Tomás Victoria William Zoë`)
	surnames = words(`Adams Ångström Baker Bianchi Boateng Brown Çelik Chapman Clark D'Angelo Davies Dvořák Edwards
		Fernández Fischer Fitzgerald García Gößmann Green Hall Harris Hughes Ibrahim Jackson Johnson Jones Kelly
		Kowalczyk Lefèvre Lewis Lopez Martin McCarthy Miller Møller Müller Nguyen Núñez O'Brien O'Connor Øvergård
		Patel Peña Robinson Schmidt-Weber Sjöberg Smith Taylor Thompson Walker Williams Wójcik Wright Young Žižka`)
)

// ascii spells names the way mail addresses do, which cannot carry accents (Graph resource user, property mail).
var ascii = strings.NewReplacer("à", "a", "á", "a", "å", "a", "ä", "ae", "ç", "c", "č", "c", "è", "e", "é", "e", "ë", "e",
	"í", "i", "ï", "i", "ł", "l", "ñ", "n", "ó", "o", "ö", "oe", "ø", "oe", "ř", "r", "ß", "ss", "ú", "u", "ü", "ue", "ž", "z",
	"â", "a", "ê", "e", "ô", "o")

var departments = []struct {
	name   string
	titles []string
}{
	{"Sales", []string{"Account Executive", "Sales Manager", "Sales Development Representative"}},
	{"Customer Support", []string{"Support Engineer", "Support Team Lead", "Customer Success Manager"}},
	{"Engineering", []string{"Software Engineer", "Senior Software Engineer", "QA Engineer", "Engineering Manager"}},
	{"Finance", []string{"Accountant", "Controller", "Financial Analyst"}},
	{"Human Resources", []string{"HR Business Partner", "Recruiter"}},
	{"Legal & Compliance", []string{"Counsel", "Paralegal"}},
	{"Marketing", []string{"Content Strategist", "Marketing Manager", "Designer"}},
	{"Operations", []string{"Operations Analyst", "Facilities Coordinator", "Logistics Manager"}},
}

type site struct{ country, state, city, postal, street, language string }

var sites = []site{
	{"US", "CA", "San Francisco", "94105", "Market Street", "en-US"},
	{"US", "NY", "New York", "10001", "West 34th Street", "en-US"},
	{"US", "TX", "Austin", "78701", "Congress Avenue", "en-US"},
	{"US", "Washington", "Seattle", "98101", "Pike Street", "en-US"},
	{"US", "IL", "Chicago", "60601", "North Michigan Avenue", "en-US"},
	{"CA", "ON", "Toronto", "M5H 2N2", "Bay Street", "en-CA"},
	{"CA", "QC", "Montréal", "H2Y 1C6", "Rue Saint-Jacques", "fr-CA"},
	{"CA", "BC", "Vancouver", "V6B 1A1", "Granville Street", "en-CA"},
	{"GB", "England", "London", "EC2A 4NE", "Curtain Road", "en-GB"},
	{"GB", "Scotland", "Edinburgh", "EH2 4AD", "George Street", "en-GB"},
	{"DE", "Bayern", "München", "80331", "Sendlinger Straße", "de-DE"},
	{"DE", "Hessen", "Frankfurt am Main", "60311", "Berliner Straße", "de-DE"},
}

// mobile gives a number of the country. US, Canadian and British ones are from ranges reserved for fiction.
func (s site) mobile(r *rand.Rand) string {
	switch s.country {
	case "GB":
		return fmt.Sprintf("+44 7700 900%03d", r.IntN(1000))
	case "DE":
		return fmt.Sprintf("+49 151 %08d", r.IntN(100_000_000))
	case "CA":
		return fmt.Sprintf("+1 (416) 555-01%02d", r.IntN(100))
	default:
		return fmt.Sprintf("+1 415 555 01%02d", r.IntN(100))
	}
}

// Populate adds people and security groups and assigns all of them to the application under the app role "User",
// which it declares if no role is: nine people of ten through one group each, every tenth directly, everybody directly
// if there are no groups. The same Seed gives the same directory. It returns the new ids in the order of creation.
func (d *Directory) Populate(people, groups int) (userIDs, groupIDs []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.roles) == 0 {
		d.addRole(Role{Value: "User", DisplayName: "User", Enabled: true})
	}
	role := d.roles[0].ID
	all := make([]*object, groups)
	for i := range all {
		department, place := departments[i%len(departments)].name, sites[i%len(sites)].city
		all[i] = d.addGroup("", map[string]any{
			"displayName":  fmt.Sprintf("RingCentral %s %s %d", department, place, i+1),
			"mailNickname": fmt.Sprintf("rc-%d", i+1),
		})
		d.assign(all[i], role)
		groupIDs = append(groupIDs, all[i].id)
	}
	names := make(map[string]int, people)
	for i := range people {
		o := d.addUser(d.person(names))
		for o == nil { // somebody who was there before has the name
			o = d.addUser(d.person(names))
		}
		if groups == 0 || i%10 == 9 {
			d.assign(o, role)
		} else {
			d.addMember(all[i%groups], o)
		}
		userIDs = append(userIDs, o.id)
	}
	return userIDs, groupIDs
}

// person invents somebody. names counts how often each mailbox name was given.
func (d *Directory) person(names map[string]int) User {
	r := d.random
	given, surname := givenNames[r.IntN(len(givenNames))], surnames[r.IntN(len(surnames))]
	department, s := departments[r.IntN(len(departments))], sites[r.IntN(len(sites))]
	box := ascii.Replace(strings.ToLower(given + "." + surname))
	names[box]++
	if n := names[box]; n > 1 {
		box += fmt.Sprint(n)
	}
	mail := box + "@" + d.options.Domain
	u := User{
		"id": d.guid(), "userPrincipalName": mail, "mail": mail, "mailNickname": box,
		"displayName": given + " " + surname, "givenName": given, "surname": surname,
		"department": department.name, "jobTitle": department.titles[r.IntN(len(department.titles))],
		"country": s.country, "state": s.state, "city": s.city, "postalCode": s.postal,
		"streetAddress": s.address(r.IntN(400) + 1), "usageLocation": s.country, "preferredLanguage": s.language,
		"employeeId": fmt.Sprintf("E%06d", r.IntN(1_000_000)), "companyName": "Contoso",
	}
	switch n := r.IntN(100); {
	case n < 85:
		u["mobilePhone"] = s.mobile(r)
	case n < 90:
		u["mobilePhone"] = nil
	}
	if r.IntN(30) == 0 { // a person renamed at the mail side only, or signing in with the tenant's first domain
		u["userPrincipalName"] = strings.ReplaceAll(box, "'", "") + "@" + strings.TrimSuffix(d.options.Domain, ".com") + ".onmicrosoft.com"
	}
	return u
}

func (s site) address(number int) string {
	if s.country == "DE" {
		return fmt.Sprintf("%s %d", s.street, number)
	}
	return fmt.Sprintf("%d %s", number, s.street)
}
