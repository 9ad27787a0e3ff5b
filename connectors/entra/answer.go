package entra

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Graph's error body (Microsoft Graph error responses), as far as anything depends on it.
type errorBody struct {
	Error innerError `json:"error"`
}

type innerError struct {
	Code    string      `json:"code,omitempty"`
	Message string      `json:"message,omitempty"`
	Inner   *innerError `json:"innerError,omitempty"`
}

// codes returns the codes from the outside in, joined with "/".
func (e innerError) codes() string {
	codes := []string{e.Code}
	for in := e.Inner; in != nil; in = in.Inner {
		if in.Code != "" {
			codes = append(codes, in.Code)
		}
	}
	return strings.Trim(strings.Join(codes, "/"), "/")
}

// tame makes an answer safe for the SDK, which takes for granted what servers leave out: ODataError.Error dereferences
// error.message, a body that is not JSON or has an odd innerError.date loses its status, and a claims challenge
// without quotes is indexed out of range. Redirects are refused: the token must not travel to another host.
func tame(resp *http.Response) (*http.Response, error) {
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		discard(resp)
		where := "nowhere"
		if u, err := url.Parse(resp.Header.Get("Location")); err == nil && u.Host != "" {
			where = u.Host
		}
		return nil, refusal("refused a redirect (status %d) to %s", resp.StatusCode, where)
	case resp.StatusCode < 400:
		return resp, nil
	}
	said := readError(resp)
	discard(resp)
	if said.Message == "" {
		said.Message = http.StatusText(resp.StatusCode)
		if said.Message == "" {
			said.Message = "no message"
		}
	}
	body, err := json.Marshal(errorBody{innerError{
		Code: said.Code, Message: said.Message, Inner: &innerError{Code: said.codes()}}})
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Type", "application/json")
	resp.Header.Del("Content-Length")
	if challenge := resp.Header.Get("WWW-Authenticate"); strings.Contains(challenge, "claims") && !claimsChallenge.MatchString(challenge) {
		resp.Header.Del("WWW-Authenticate")
	}
	return resp, nil
}

// claimsChallenge is the only form of a claims challenge (continuous access evaluation) that the SDK can take apart.
var claimsChallenge = regexp.MustCompile(`(?:^|[, ])claims="[A-Za-z0-9+/=_-]+"`)

// readError takes what can be had of an error body: Graph's, OAuth's, or nothing of an HTML page.
func readError(resp *http.Response) innerError {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return parseError(body)
}

func parseError(body []byte) innerError {
	var graph errorBody
	if json.Unmarshal(body, &graph) == nil && (graph.Error.Code != "" || graph.Error.Message != "") {
		return graph.Error
	}
	var oauth struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &oauth) == nil {
		return innerError{Code: oauth.Error, Message: oauth.Description}
	}
	return innerError{}
}
