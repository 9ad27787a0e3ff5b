package entra

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"ringsync/connectors"
)

// mark is the watermark: where each delta chain goes on. It is stored by the caller, who does not look into it.
type mark struct {
	Version int `json:"version"`
	// Settings is a hash of everything that decides what the chains carry; another one makes them useless.
	Settings string `json:"settings"`
	App      string `json:"app"` // service principal
	// DefaultAccess is what default_access came to at the full read. With auto it holds until the next one.
	DefaultAccess bool    `json:"defaultAccess"`
	Users         string  `json:"users"` // deltaLink of users
	Chains        []chain `json:"chains,omitempty"`
	// Unread are nested groups that could not be read, to be tried again.
	Unread []string `json:"unread,omitempty"`
}

// chain is one groups delta with the members of at most 50 groups.
type chain struct {
	Link string `json:"link"`
	// Groups are those that have been read whole since the chain was opened; the chain may report others, which no
	// longer count.
	Groups []string `json:"groups"`
}

const markVersion = 1

// settings returns the hash that a mark must have to be used with these options.
func (c *Client) settings() string {
	o := c.opts
	sum := sha256.Sum256([]byte(strings.Join([]string{c.base.String(), strings.ToLower(o.Tenant), connectors.FoldID(o.App),
		fmt.Sprint(o.ScopeAll, o.NestedGroups, c.sel.roles), c.sel.query}, "\n")))
	return hex.EncodeToString(sum[:12])
}

// decodeMark reads a mark. One that is not ours, or of other settings, is FaultResync: a full read mends it.
func (c *Client) decodeMark(data []byte) (mark, error) {
	m, err := parseMark(data)
	if err == nil && m.Settings != c.settings() {
		err = errors.New("the attributes or settings of the source have changed since")
	}
	if err != nil {
		return mark{}, &connectors.Error{Fault: connectors.FaultResync, Op: "read the stored watermark", Err: err}
	}
	return m, nil
}

func parseMark(data []byte) (mark, error) {
	var m mark
	if err := json.Unmarshal(data, &m); err != nil {
		return mark{}, err
	}
	switch {
	case m.Version != markVersion:
		return mark{}, fmt.Errorf("version %d is not %d", m.Version, markVersion)
	case m.Users == "" || m.App == "":
		return mark{}, errors.New("incomplete")
	}
	for _, ch := range m.Chains {
		if ch.Link == "" {
			return mark{}, errors.New("a chain without a link")
		}
	}
	return m, nil
}

func (m mark) encode() []byte {
	data, _ := json.Marshal(m) // strings and booleans: cannot fail
	return data
}
