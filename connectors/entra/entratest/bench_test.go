package entratest_test

import (
	"io"
	"net/http"
	"testing"

	"ringsync/connectors/entra/entratest"
)

// sink takes a response without keeping it.
type sink struct {
	header http.Header
	bytes  int64
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { s.bytes += int64(len(b)); return len(b), nil }

const attributes = "id,userPrincipalName,displayName,accountEnabled,mail,givenName,surname,jobTitle,mobilePhone,streetAddress,city,state,postalCode,country,department"

func serve(b *testing.B, d *entratest.Directory, target string) {
	req, err := http.NewRequest("GET", "http://graph/v1.0"+target, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var n int64
	for b.Loop() {
		s := sink{header: http.Header{}}
		req.Body = io.NopCloser(http.NoBody)
		d.ServeHTTP(&s, req)
		n = s.bytes
	}
	b.SetBytes(n)
}

func BenchmarkMembersPage(b *testing.B) {
	d := entratest.New(entratest.Options{})
	_, groups := d.Populate(100_000, 1)
	serve(b, d, "/groups/"+groups[0]+"/members?$top=999&$select="+attributes)
}

func BenchmarkUsersDeltaPage(b *testing.B) {
	d := entratest.New(entratest.Options{})
	d.Populate(100_000, 1)
	serve(b, d, "/users/delta?$select="+attributes)
}

func BenchmarkAssignmentsPage(b *testing.B) {
	d := entratest.New(entratest.Options{})
	d.Populate(100_000, 0)
	serve(b, d, "/servicePrincipals/"+d.ServicePrincipal()+"/appRoleAssignedTo?$top=999")
}

func BenchmarkPopulate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		entratest.New(entratest.Options{}).Populate(10_000, 10)
	}
}
