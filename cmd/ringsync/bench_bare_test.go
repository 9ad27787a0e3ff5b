package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

// bareClient sends what an initial sync must send at least: the assignments and members of ten groups, the list of
// accounts, and one POST for each person, sixteen at a time.
func bareClient() {
	graph, app, scim := os.Args[1], os.Args[2], os.Args[3]
	people, _ := strconv.Atoi(os.Args[4])
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	call := func(method, url, token string, body []byte) []byte {
		req, err := http.NewRequest(method, url, bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/scim+json")
		res, err := client.Do(req)
		if err != nil {
			panic(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode >= 300 {
			panic(fmt.Sprintf("%s %s: %s %v", method, url, res.Status, err))
		}
		return answer
	}
	next := func(url string) string {
		var page struct {
			Next string `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(call("GET", url, sandboxGraphToken, nil), &page); err != nil {
			panic(err)
		}
		return page.Next
	}
	var assigned struct {
		Value []struct{ PrincipalID, PrincipalType string }
		Next  string `json:"@odata.nextLink"`
	}
	for url := graph + "/servicePrincipals(appId='" + app + "')/appRoleAssignedTo?$top=999"; url != ""; url = assigned.Next {
		assigned.Next, assigned.Value = "", nil
		if err := json.Unmarshal(call("GET", url, sandboxGraphToken, nil), &assigned); err != nil {
			panic(err)
		}
		for _, a := range assigned.Value {
			if a.PrincipalType == "Group" {
				for url := graph + "/groups/" + a.PrincipalID + "/members?$top=999&$select=id,userPrincipalName,displayName,accountEnabled,mail,givenName,surname,jobTitle,mobilePhone,streetAddress,city,state,postalCode,country,department"; url != ""; {
					url = next(url)
				}
			}
		}
	}
	call("GET", scim+"/Users?startIndex=1&count=100", sandboxRingCentralToken, nil)
	var workers sync.WaitGroup
	numbers := make(chan int)
	for range 16 {
		workers.Go(func() {
			for n := range numbers {
				call("POST", scim+"/Users", sandboxRingCentralToken, fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
"userName":"bare%[1]d@contoso.com","externalId":"bare-%[1]d","active":true,"title":"Engineer","name":{"givenName":"Bare","familyName":"Client %[1]d"},
"emails":[{"type":"work","value":"bare%[1]d@contoso.com"}],"phoneNumbers":[{"type":"mobile","value":"+14155550100"}],
"addresses":[{"type":"work","streetAddress":"1 Main Street","locality":"Belmont","region":"CA","postalCode":"94002","country":"United States"}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`, n))
			}
		})
	}
	for n := range people {
		numbers <- n
	}
	close(numbers)
	workers.Wait()
}
