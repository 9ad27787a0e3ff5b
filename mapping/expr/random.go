package expr

import (
	"crypto/rand"
	"math/big"
	"strings"

	"github.com/google/uuid"

	"ringsync/connectors"
)

// guid gives a new GUID (RFC 9562, version 4) at every evaluation.
func guid(*call, scope) (connectors.Value, error) {
	return connectors.StringValue(uuid.NewString()), nil
}

// classes are the characters of RandomString, in the order of its minimums. The special ones are those that Windows
// counts for the complexity of passwords.
var classes = [...]string{
	"0123456789",
	"~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"abcdefghijklmnopqrstuvwxyz",
}

// maxRandom is the most characters of a RandomString.
const maxRandom = 256

// recipe is what a RandomString is made of.
type recipe struct {
	length   int64
	minimums [len(classes)]int64
	classes  [len(classes)]string // less the characters to avoid
}

func newRecipe(length int64, minimums [len(classes)]int64, avoid string) (r recipe, why string) {
	r = recipe{length: length, minimums: minimums}
	if length < 1 || length > maxRandom {
		return r, "Length is 1 to 256"
	}
	sum := int64(0)
	for i, n := range minimums {
		if n < 0 || n > maxRandom {
			return r, "a minimum is 0 to 256"
		}
		sum += n
		r.classes[i] = strings.Map(func(c rune) rune {
			if strings.ContainsRune(avoid, c) {
				return -1
			}
			return c
		}, classes[i])
		if n > 0 && r.classes[i] == "" {
			return r, "CharactersToAvoid leaves none of a kind that is needed"
		}
	}
	if sum > length {
		return r, "the minimums together are more than Length"
	}
	if r.rest() == "" {
		return r, "CharactersToAvoid leaves no character"
	}
	return r, ""
}

// rest are the characters for the places that the minimums leave: of the kinds asked for, or of all if none is.
func (r *recipe) rest() string {
	asked := ""
	for i, n := range r.minimums {
		if n > 0 {
			asked += r.classes[i]
		}
	}
	if asked == "" {
		return strings.Join(r.classes[:], "")
	}
	return asked
}

// make draws the characters and puts them in random order.
func (r *recipe) make() string {
	b := make([]byte, 0, r.length)
	for i, n := range r.minimums {
		for range n {
			b = append(b, pick(r.classes[i]))
		}
	}
	rest := r.rest()
	for int64(len(b)) < r.length {
		b = append(b, pick(rest))
	}
	for i := len(b) - 1; i > 0; i-- {
		j := below(i + 1)
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func pick(from string) byte { return from[below(len(from))] }

// below gives a random number from 0 to n-1. It may become a password, so the source is the system's.
func below(n int) int {
	i, _ := rand.Int(rand.Reader, big.NewInt(int64(n))) // does not fail: crypto/rand
	return int(i.Int64())
}

func randomString(c *call, in scope) (connectors.Value, error) {
	var numbers [1 + len(classes)]int64
	for i := range numbers {
		n, err := c.integer(i, in)
		if err != nil {
			return connectors.Value{}, err
		}
		numbers[i] = n
	}
	avoid, _, err := c.text(len(numbers), in)
	if err != nil {
		return connectors.Value{}, err
	}
	r, why := newRecipe(numbers[0], [len(classes)]int64(numbers[1:]), avoid)
	if why != "" {
		return connectors.Value{}, c.fail("%s", why)
	}
	return connectors.StringValue(r.make()), nil
}

// prepareRandom checks numbers that are all written there.
func prepareRandom(c *compiler, k *call, n *Node) error {
	for _, arg := range n.Args {
		if arg != nil && arg.Kind != Number && arg.Kind != Text && arg.Kind != Hex {
			return nil
		}
	}
	if _, err := randomString(k, scope{}); err != nil {
		return err
	}
	return nil
}
