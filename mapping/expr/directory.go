package expr

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"ringsync/connectors"
)

// dnComponent gives the value of one component of a distinguished name (RFC 4514), counted from the left: Joe of
// cn=Joe,dc=contoso. There is none to give beyond the last.
func dnComponent(c *call, in scope) (connectors.Value, error) {
	dn, null, err := c.text(0, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	n, err := c.integer(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	component, rest := "", dn
	for range min(max(n, 0), int64(len(dn)+1)) {
		if rest == "" {
			return connectors.NullValue(), nil
		}
		component, rest = cutComponent(rest)
	}
	_, value, ok := strings.Cut(component, "=")
	if !ok {
		return connectors.NullValue(), nil
	}
	return connectors.StringValue(unescapeDN(strings.TrimSpace(value))), nil
}

// cutComponent takes the first component off a distinguished name. A backslash escapes a comma.
func cutComponent(dn string) (component, rest string) {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return dn[:i], dn[i+1:]
		}
	}
	return dn, ""
}

// unescapeDN resolves \, and \C3 (RFC 4514, section 2.4).
func unescapeDN(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			octet, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // two hexadecimal digits
			b.WriteByte(byte(octet))
			i += 2
			continue
		}
		i++
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// stringFromSid gives the S-1-… form of a security identifier (MS-DTYP, section 2.4.2), which comes as base64 of its
// bytes, as Graph writes binary values. One that is text already stays as it is.
func stringFromSid(c *call, in scope) (connectors.Value, error) {
	s, null, err := c.text(0, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	if strings.HasPrefix(s, "S-1-") {
		return connectors.StringValue(s), nil
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return connectors.Value{}, c.fail("%s is not a security identifier in base64", quoted(s))
	}
	authority := binary.BigEndian.Uint64(b[:8]) & (1<<48 - 1)
	sid := "S-" + strconv.Itoa(int(b[0])) + "-" + strconv.FormatUint(authority, 10)
	for sub := b[8:]; len(sub) > 0; sub = sub[4:] {
		sid += "-" + strconv.FormatUint(uint64(binary.LittleEndian.Uint32(sub)), 10)
	}
	return connectors.StringValue(sid), nil
}
