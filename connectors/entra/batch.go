package entra

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// batchSize is the most requests that $batch takes (Microsoft Graph: JSON batching).
const batchSize = 20

// batchAnswer is the answer to one request of a batch. Status 0 stands for none.
type batchAnswer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

type batchPage struct {
	Responses []batchAnswer `json:"responses"`
}

func (p batchPage) check() error {
	if p.Responses == nil {
		return errors.New("no responses in it")
	}
	return nil
}

// asResponse is what the rules for waiting look at.
func (a batchAnswer) asResponse() *http.Response {
	h := http.Header{}
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	status := a.Status
	if status == 0 || status == http.StatusFailedDependency {
		status = http.StatusServiceUnavailable
	}
	return &http.Response{StatusCode: status, Header: h}
}

// ok reports a success with a JSON object as its body.
func (a batchAnswer) ok() bool {
	return a.Status == http.StatusOK && len(a.Body) > 0 && a.Body[0] == '{'
}

// problem sorts an answer that is not ok.
func (a batchAnswer) problem(q query) error {
	if a.Status == http.StatusOK || a.Status == 0 {
		return fail(context.Background(), q, errors.New("no answer in the batch"))
	}
	said := parseError(a.Body)
	return answered(q, a.Status, a.asResponse().Header, said.codes(), said.Message)
}

// batch sends at most 20 GETs in one request and returns the answers in the order of the paths. Each is charged and
// throttled by itself: those refused for now are sent again when their own Retry-After has passed, the others not.
func (c *Client) batch(ctx context.Context, q query, paths []string) ([]batchAnswer, error) {
	answers := make([]batchAnswer, len(paths))
	pending := make([]int, len(paths))
	for i := range pending {
		pending[i] = i
	}
	q.template = "/$batch"
	var waited time.Duration
	for attempt := 1; ; attempt++ {
		q.post = batchBody(paths, pending)
		page, err := fetch(ctx, c, q, list[batchPage])
		if err != nil {
			return nil, err
		}
		for _, a := range page.Responses {
			if i, err := strconv.Atoi(a.ID); err == nil && i >= 0 && i < len(answers) {
				answers[i] = a
			}
		}
		var wait time.Duration
		var again []int
		for _, i := range pending {
			if w, retry := next(answers[i].asResponse(), nil, attempt); retry {
				again, wait = append(again, i), max(wait, w)
			}
		}
		if waited += wait; len(again) == 0 || waited > patience {
			return answers, nil
		}
		c.log.Info("Graph did not serve some of a batch, trying again", "op", q.op, "requests", len(again), "attempt", attempt, "wait", wait)
		if err := sleep(ctx, wait); err != nil {
			return nil, fail(ctx, q, err)
		}
		pending = again
	}
}

func batchBody(paths []string, which []int) []byte {
	type request struct {
		ID     string `json:"id"`
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	var body struct {
		Requests []request `json:"requests"`
	}
	for _, i := range which {
		body.Requests = append(body.Requests, request{strconv.Itoa(i), http.MethodGet, paths[i]})
	}
	data, _ := json.Marshal(body) // strings only: cannot fail
	return data
}

// escape writes text for a query, with blanks as %20.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
