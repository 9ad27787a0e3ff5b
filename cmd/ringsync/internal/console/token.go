package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
)

// minToken is the least length of a token, in bytes: 22 characters of base64 are 128 bits. Who tries a million a second for
// a century finds none of those.
const minToken = 22

// Tokens are what people sign in with: each opens the console in somebody's name. The texts themselves are not kept.
type Tokens []token

type token struct {
	name string
	sum  [sha256.Size]byte
}

// ParseTokens reads tokens, one a line: the token alone, or a name, white space and the token. Empty lines and those that
// begin with # are none. Errors name the line and never the token.
func ParseTokens(text string) (tokens Tokens, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		secret, name := fields[len(fields)-1], strings.Join(fields[:len(fields)-1], " ")
		if len(secret) < minToken {
			return nil, fmt.Errorf("line %d: a token has at least %d characters, such as what openssl rand -base64 24 prints", number, minToken)
		}
		t := token{name, sha256.Sum256([]byte(secret))}
		for _, other := range tokens {
			if other.sum == t.sum {
				return nil, fmt.Errorf("line %d: the token is that of a line before", number)
			}
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// match returns in whose name a token opens the console. It takes as long for a wrong one as for a right one, and looks at
// all of them.
func (t Tokens) match(secret string) (name string, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for i := range t {
		if subtle.ConstantTimeCompare(sum[:], t[i].sum[:]) == 1 {
			name, ok = t[i].name, true
		}
	}
	return name, ok
}
