package ringcentraltest_test

import (
	"fmt"
	"testing"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// The emulator must not be what a benchmark of its clients measures: these are its own costs, without a connection.

func BenchmarkCreate(b *testing.B) {
	account := rc.New(rc.Options{Licenses: -1, NoJournal: true})
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		body := person(fmt.Sprintf("p%d@example.com", n), `"active":true`, `"title":"Clerk"`,
			`"addresses":[{"type":"work","streetAddress":"1 Main St","locality":"Reno","region":"NV","postalCode":"89501","country":"US"}]`)
		if recorder := serve(account, "POST", "/Users", body); recorder.Code != 201 {
			b.Fatal(recorder.Body)
		}
	}
}

func benchmarkAccount() *rc.Account {
	account := rc.New(rc.Options{NoJournal: true})
	people(account, 100_000)
	return account
}

func BenchmarkListPage(b *testing.B) {
	account := benchmarkAccount()
	b.ReportAllocs()
	for b.Loop() {
		if recorder := serve(account, "GET", "/Users?startIndex=50001&count=1000", ""); recorder.Code != 200 {
			b.Fatal(recorder.Body)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	account := benchmarkAccount()
	b.ReportAllocs()
	for b.Loop() {
		if recorder := serve(account, "GET", "/Users?filter=userName+eq+%22p77777@example.com%22", ""); recorder.Code != 200 {
			b.Fatal(recorder.Body)
		}
	}
}

func BenchmarkPatch(b *testing.B) {
	account := benchmarkAccount()
	body := operations(`{"op":"replace","path":"active","value":false}`, `{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+16505550100"}`)
	b.ReportAllocs()
	for b.Loop() {
		if recorder := serve(account, "PATCH", "/Users/77777", body); recorder.Code != 200 {
			b.Fatal(recorder.Body)
		}
	}
}
