package expr

import "testing"

// FuzzPattern feeds any pattern and any replacement to the regular expression engine and to what stands around it.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{`\p{Foo}`, `(?<a-b>x)`, `(?(1)a|b)`, `[a-z-[aeiou]]`, `(?<1>a)\1{2,3}?`, `(?<=a*?b)`,
		`\cA\x{41}\u0041\07`, `(?imnsx-imnsx:a)`, `a{99999999999}`, `(?<a>.)(?<-a>.)(?(a)x)`} {
		f.Add(seed, "$1${a}$$$&$'$`$+$_${", "abcx")
	}
	f.Fuzz(func(t *testing.T, pattern, replacement, text string) {
		re, err := compilePattern(pattern)
		if err != nil {
			return
		}
		pieces := parseReplacement(replacement, re)
		runes := []rune(text)
		m, err := re.FindRunesMatch(runes)
		for range 10 {
			if m == nil || err != nil {
				return
			}
			for _, p := range pieces {
				p.resolve(m, runes)
			}
			m, err = re.FindNextMatch(m)
		}
	})
}
