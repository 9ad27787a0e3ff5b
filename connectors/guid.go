package connectors

import "encoding/hex"

// GUID is an object id in 16 bytes, of which a million may have to be remembered.
type GUID [16]byte

// ParseGUID takes only the form that String writes, lower case with dashes, so that ids come back as they were.
func ParseGUID(s string) (guid GUID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return guid, false
	}
	n := 0
	for i := 0; i < len(s); {
		if s[i] == '-' {
			i++
			continue
		}
		high, low := hexDigit(s[i]), hexDigit(s[i+1])
		if high > 15 || low > 15 {
			return GUID{}, false
		}
		guid[n] = high<<4 | low
		n++
		i += 2
	}
	return guid, true
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xFF
}

func (g GUID) String() string {
	var s [36]byte
	hex.Encode(s[0:8], g[0:4])
	hex.Encode(s[9:13], g[4:6])
	hex.Encode(s[14:18], g[6:8])
	hex.Encode(s[19:23], g[8:10])
	hex.Encode(s[24:36], g[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}
