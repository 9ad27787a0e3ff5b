package ringcentraltest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
)

const defaultCount = 100

// query asks for one page of a list.
type query struct {
	Schemas    []string `json:"schemas"`
	Filter     string   `json:"filter"`
	StartIndex *int     `json:"startIndex"` // 1-based
	Count      *int     `json:"count"`
}

// get is GET /Users/{id}.
func (a *Account) get(x *exchange) (reply, error) {
	a.mu.Lock()
	r, ok := a.store.byID[x.id]
	var u *User
	if ok {
		u = r.user
	}
	a.mu.Unlock()
	if !ok {
		return reply{}, notFound(x.id)
	}
	return reply{status: http.StatusOK, body: render(u, x.now)}, nil
}

// list is GET /Users.
func (a *Account) list(x *exchange) (reply, error) {
	values, err := url.ParseQuery(x.request.URL.RawQuery)
	if err != nil {
		return reply{}, badRequest("invalidSyntax", "Query string is malformed")
	}
	q := query{Filter: values.Get("filter")}
	if q.StartIndex, err = number(values, "startIndex"); err != nil {
		return reply{}, err
	}
	if q.Count, err = number(values, "count"); err != nil {
		return reply{}, err
	}
	return a.page(x, q)
}

// number returns the query parameter, nil if it is not given.
func number(values url.Values, name string) (*int, error) {
	text := values.Get(name)
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, invalidParameter(name)
	}
	number := int(n)
	return &number, nil
}

// search is POST /Users/.search (RFC 7644, section 3.4.3).
func (a *Account) search(x *exchange) (reply, error) {
	var q query
	if err := decode(x.body, &q); err != nil {
		return reply{}, err
	}
	if !slices.Equal(q.Schemas, []string{searchSchema}) {
		return reply{}, badRequest("invalidSyntax", "schemas must be [%s]", searchSchema)
	}
	return a.page(x, q)
}

// page answers with the rows that q asks for, in the short form of lists.
func (a *Account) page(x *exchange, q query) (reply, error) {
	start, count := 1, defaultCount
	if q.StartIndex != nil {
		start = max(*q.StartIndex, 1)
	}
	if q.Count != nil {
		count = min(max(*q.Count, 0), a.options.ListCap)
	}
	count = min(count, a.options.ListCap)
	if a.options.ShortPages && count > 1 {
		count /= 2
	}

	a.mu.Lock()
	found, from := a.store.listed, start-1
	if q.Filter != "" {
		var err error
		if found, err = a.find(q.Filter); err != nil {
			a.mu.Unlock()
			return reply{}, err
		}
	} else if x.half {
		found = found[:len(found)/2]
	}
	total := len(found)
	if a.options.RepeatRows && q.Filter == "" && from > 0 {
		from--
		total++
	}
	from = min(from, len(found))
	rows := make([]*User, 0, min(count, len(found)-from))
	for _, r := range found[from : from+cap(rows)] {
		rows = append(rows, r.user)
	}
	a.mu.Unlock()

	resources := make([]listRow, len(rows))
	for i, u := range rows {
		resources[i] = renderRow(u, x.now)
	}
	return reply{status: http.StatusOK, body: newListReply(resources, total, start)}, nil
}

// equality is all that RingCentral understands of filters: whether the user name or the e-mail equals a JSON string.
var equality = regexp.MustCompile(`^(?i:(userName)|email|emails|emails\.value) +(?i:eq) +("(?:[^"\\]|\\.)*")$`)

// find returns the accounts that the filter selects. The caller holds the lock.
func (a *Account) find(filter string) ([]*record, error) {
	match := equality.FindStringSubmatch(filter)
	var value string
	if match == nil || json.Unmarshal([]byte(match[2]), &value) != nil {
		return nil, badRequest("invalidFilter", "Only 'userName eq' and 'email eq' filter expressions are supported")
	}
	if match[1] != "" {
		return inListOrder(a.store.byName[fold(value)]), nil
	}
	return inListOrder(a.store.byEmail[fold(value)]), nil
}

func inListOrder(records []*record) []*record {
	return slices.SortedFunc(slices.Values(records), func(a, b *record) int { return byRank(a, b.rank) })
}
