package main

import (
	"slices"
	"testing"
)

func TestParseNames(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"\ufeffada@contoso.com\r\nbob@contoso.com", []string{"ada@contoso.com", "bob@contoso.com"}},
		{"# the pilot\n\n  ada@contoso.com\t# first\n #bob@contoso.com\n", []string{"ada@contoso.com"}},
		{"jo_fabrikam.com#EXT#@contoso.onmicrosoft.com\n", []string{"jo_fabrikam.com#EXT#@contoso.onmicrosoft.com"}},
		{"8f0c1c2e-7a52-4c8e-9d7e-1f0a6b3c2d11 #\n", []string{"8f0c1c2e-7a52-4c8e-9d7e-1f0a6b3c2d11"}},
		{"\u0085\u00a0#\xff\n\xff", []string{"\xff"}},
	} {
		if got := parseNames(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}
