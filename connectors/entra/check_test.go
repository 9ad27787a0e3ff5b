package entra

import (
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
)

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name   string
		have   []string
		claims string // roles in the token
		groups int
		want   map[string]PermissionState
	}{
		{"everything", nil, "", 2, map[string]PermissionState{permApps: Proved, permUsers: Proved, permGroups: Proved, permObjects: Unproven}},
		{"no group assigned", nil, "", 0, map[string]PermissionState{permApps: Proved, permUsers: Proved, permGroups: Unproven, permObjects: Unproven}},
		{"no group assigned, but claimed", nil, `"GroupMember.Read.All","Directory.Read.All"`, 0,
			map[string]PermissionState{permApps: Proved, permUsers: Proved, permGroups: Proved, permObjects: Proved}},
		{"no users", []string{permApps, permGroups}, "", 2, map[string]PermissionState{permApps: Proved, permUsers: Missing, permGroups: Proved, permObjects: Unproven}},
		{"no groups", []string{permApps, permUsers}, "", 2, map[string]PermissionState{permApps: Proved, permUsers: Proved, permGroups: Missing, permObjects: Unproven}},
		{"no applications", []string{permGroups, permUsers}, "", 2, map[string]PermissionState{permApps: Missing, permUsers: Proved, permGroups: Unproven, permObjects: Unproven}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := entratest.New(entratest.Options{Permissions: tc.have, Now: func() time.Time { return time.Now().Add(-time.Hour) }})
			people, _ := d.Populate(30, tc.groups)
			d.Assign(d.AddPrincipal("daemon"), "")
			d.Assign(people[0], "")
			c := newTestClient(t, d, func(o *Options) {
				if tc.claims != "" {
					o.Credential.Token = "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"roles":[`+tc.claims+`]}`)) + ".sig"
				}
			})
			r, err := c.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]PermissionState{}
			for _, p := range r.Permissions {
				got[p.Name] = p.State
			}
			for name, state := range tc.want {
				if got[name] != state {
					t.Errorf("%s: got %q, want %q", name, got[name], state)
				}
			}
			if len(got) != len(tc.want) || len(r.Permissions) != len(tc.want) {
				t.Errorf("permissions: %v", r.Permissions)
			}
			if tc.want[permApps] == Proved && (r.Groups != tc.groups || r.ServicePrincipals != 1 || r.Users == 0 || r.LeftOut != 1 || r.App.DisplayName != "RingCentral" || len(r.App.Roles) != 1) {
				t.Errorf("report: %+v", r)
			}
			if r.ClockSkew.Round(time.Minute) != -time.Hour {
				t.Errorf("clock skew %v", r.ClockSkew)
			}
		})
	}
}

func TestCheckOfWrongApplication(t *testing.T) {
	d := entratest.New(entratest.Options{})
	for _, app := range []string{"11111111-1111-1111-1111-111111111111", "not a guid", "it's"} {
		c := newTestClient(t, d, func(o *Options) { o.App, o.Tenant = app, "contoso.com" })
		_, err := c.Check(t.Context())
		want := "no enterprise application with application id " + app + " in tenant contoso.com"
		if connectors.FaultOf(err) != connectors.FaultConfig || err.Error()[:len(want)] != want {
			t.Errorf("got %v", err)
		}
	}
}

func TestTokenRoles(t *testing.T) {
	for token, want := range map[string][]string{
		"":                                   nil,
		"opaque":                             nil,
		"a.b.c":                              nil,
		"a.!!.c":                             nil,
		"e30.e30.x":                          nil,
		"e30.W10.x":                          nil,
		"e30.eyJyb2xlcyI6WyJBIiwiQiJdfQ.x":   {"A", "B"},
		"e30.eyJyb2xlcyI6WyJBIiwiQiJdfQ==.x": {"A", "B"},
	} {
		if got := tokenRoles(token); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", token, got, want)
		}
	}
}
