package expr

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf16"

	"ringsync/connectors"
)

// convertToBase64 encodes the text's UTF-16 little-endian bytes, which .NET calls Unicode.
func convertToBase64(c *call, in scope) (connectors.Value, error) {
	return transform(c, in, func(s string) string {
		var b []byte
		for _, unit := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, unit)
		}
		return base64.StdEncoding.EncodeToString(b)
	})
}

// convertFromBase64 decodes bytes that are Unicode (UTF-16 little-endian), ASCII or UTF8. Bytes that are no character
// of the encoding become U+FFFD, or a question mark in ASCII.
func convertFromBase64(c *call, in scope) (connectors.Value, error) {
	s, null, err := c.text(0, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil {
		return connectors.Value{}, c.fail("%s is not base64", shown(connectors.StringValue(s)))
	}
	encoding, _, err := c.text(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	switch encoding {
	case "UTF8":
		return connectors.StringValue(strings.ToValidUTF8(string(b), "\uFFFD")), nil
	case "ASCII":
		for i, x := range b {
			if x >= 0x80 {
				b[i] = '?'
			}
		}
		return connectors.StringValue(string(b)), nil
	default:
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
		return connectors.StringValue(string(utf16.Decode(units))), nil
	}
}

func convertToUTF8Hex(c *call, in scope) (connectors.Value, error) {
	return transform(c, in, func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) })
}

// bitAnd is null if a side is.
func bitAnd(c *call, in scope) (connectors.Value, error) {
	all := int64(-1)
	for i := range 2 {
		v, err := c.single(i, in)
		if err != nil || v.IsNull() {
			return connectors.NullValue(), err
		}
		n, err := c.whole(i, v)
		if err != nil {
			return connectors.Value{}, err
		}
		all &= n
	}
	return connectors.IntValue(all), nil
}
