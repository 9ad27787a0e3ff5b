package entraschema

import (
	"strings"

	"ringsync/connectors"
	"ringsync/mapping/expr"
)

// renamed are source attributes that the provisioning service calls by their names in the old Azure AD Graph, with
// Microsoft Graph's (Graph documentation "Property differences between Azure AD Graph and Microsoft Graph", resource
// user). Names that are the same in both are not here.
var renamed = map[string]string{
	"objectid":                   "id",
	"mobile":                     "mobilePhone",
	"facsimiletelephonenumber":   "faxNumber",
	"physicaldeliveryofficename": "officeLocation",
	"originaluserprincipalname":  "userPrincipalName",
	"immutableid":                "onPremisesImmutableId",
	"dirsyncenabled":             "onPremisesSyncEnabled",
	"lastdirsynctime":            "onPremisesLastSyncDateTime",
	"userstate":                  "externalUserState",
	"userstatechangedon":         "externalUserStateChangeDateTime",
}

// listed are those that have become lists; the old one was the first.
var listed = map[string]string{
	"telephonenumber": "businessPhones",
	"sipproxyaddress": "imAddresses",
}

// graphName returns Microsoft Graph's name of a source attribute, in the source's spelling. changed tells that it is
// another name, first that it is a list of which the first value is meant.
func graphName(name string, source *connectors.Schema) (graph string, changed, first bool) {
	if a, ok := source.Lookup(name); ok {
		return a.Name, false, false
	}
	folded := strings.ToLower(strings.TrimSpace(name))
	if graph, ok := renamed[folded]; ok {
		return graph, true, false
	}
	if graph, ok := listed[folded]; ok {
		return graph, true, true
	}
	return name, false, false
}

// modernize gives every attribute of an expression its name in Microsoft Graph, and the names that it replaced.
func modernize(n *expr.Node, source *connectors.Schema) (tree *expr.Node, old []string) {
	if n == nil {
		return nil, nil
	}
	if n.Kind == expr.Attribute {
		graph, changed, first := graphName(n.Text, source)
		if changed {
			old = []string{n.Text}
		}
		a := &expr.Node{Kind: expr.Attribute, Text: graph}
		if first {
			a = &expr.Node{Kind: expr.Call, Text: "Item", Args: []*expr.Node{a, {Kind: expr.Number, Text: "1"}}}
		}
		return a, old
	}
	tree = &expr.Node{Kind: n.Kind, Text: n.Text, Args: make([]*expr.Node, len(n.Args))}
	for i, arg := range n.Args {
		var more []string
		tree.Args[i], more = modernize(arg, source)
		old = append(old, more...)
	}
	return tree, old
}

// sameName reports whether two names differ in letter case only.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}
