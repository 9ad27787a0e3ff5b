package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"ringsync/connectors"
)

// The application permissions of Microsoft Graph that requests need, least first.
const (
	permUsers   = "User.Read.All"
	permGroups  = "GroupMember.Read.All"
	permApps    = "Application.Read.All"
	permObjects = "Directory.Read.All" // optional: bulk reads
)

func misconfigured(format string, args ...any) error {
	return &connectors.Error{Fault: connectors.FaultConfig, Op: fmt.Sprintf(format, args...)}
}

// refusal is the error for an answer that is not to be followed. net/http carries it through unchanged.
func refusal(format string, args ...any) error {
	return &connectors.Error{Fault: connectors.FaultProtocol, Op: fmt.Sprintf(format, args...)}
}

// lacking is the error for rights that are not there. Fault: FaultPermission.
func lacking(op, permission, said string) *connectors.Error {
	return &connectors.Error{Fault: connectors.FaultPermission, Op: op, Detail: said,
		Remedy: "Grant the application permission " + permission + " and give admin consent in Entra"}
}

// fail turns what the SDK or the transport returned into one line with a fault.
func fail(ctx context.Context, q query, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", q.op, context.Cause(ctx))
	}
	if known, ok := errors.AsType[*connectors.Error](err); ok {
		if known.Fault != connectors.FaultProtocol {
			return known // of the sign-in, which is the same for every request
		}
		return &connectors.Error{Fault: known.Fault, Op: q.op, Err: known}
	}
	if api := apiError(err); api != nil {
		code, message := odata(err)
		return answered(q, api.GetStatusCode(), headerOf(api), code, message)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // its text has the whole address, tokens of deltas included
	}
	return &connectors.Error{Fault: connectors.FaultUnavailable, Op: q.op, Err: err}
}

// apiError returns what the SDK knows of an error answer, nil if err is none. It covers errors without a body too.
func apiError(err error) kiota.ApiErrorable {
	var api kiota.ApiErrorable
	if errors.As(err, &api) {
		return api
	}
	return nil
}

// odata takes code (from the outside in, with "/") and message out of an SDK error without calling its Error method,
// which panics on a body that lacks them.
func odata(err error) (code, message string) {
	e, ok := errors.AsType[*odataerrors.ODataError](err)
	if !ok || e.GetErrorEscaped() == nil {
		return "", "the answer says nothing"
	}
	body := e.GetErrorEscaped()
	if c := body.GetCode(); c != nil {
		code = *c
	}
	if m := body.GetMessage(); m != nil {
		message = *m
	}
	if inner := body.GetInnerError(); inner != nil {
		if all, ok := inner.GetAdditionalData()["code"].(*string); ok && all != nil {
			code = *all
		}
	}
	return code, message
}

func headerOf(e kiota.ApiErrorable) http.Header {
	h := http.Header{}
	if from := e.GetResponseHeaders(); from != nil {
		for _, name := range from.ListKeys() {
			h[http.CanonicalHeaderKey(name)] = from.Get(name)
		}
	}
	return h
}

// answered sorts an answer by status and code.
func answered(q query, status int, header http.Header, code, message string) *connectors.Error {
	e := &connectors.Error{Op: q.op, Status: status, Code: code, Detail: message}
	switch {
	case q.stored && expired(status, code):
		e.Fault = connectors.FaultResync
	case status == http.StatusUnauthorized:
		e.Fault = connectors.FaultCredentials
	case status == http.StatusForbidden:
		e.Fault = connectors.FaultPermission
		e.Remedy = lacking("", q.permission, "").Remedy
	case status == http.StatusNotFound:
		e.Fault = connectors.FaultNotFound
	case status == http.StatusTooManyRequests || status >= 500:
		e.Fault = connectors.FaultUnavailable
		e.RetryAfter, _ = retryAfter(header)
	}
	return e
}

// refused returns Graph's answer with one of these statuses, nil if err is none. A failure to sign in, which has a status
// too, is none.
func refused(err error, statuses ...int) *connectors.Error {
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok || !slices.Contains(statuses, e.Status) || e.Fault == connectors.FaultCredentials || e.Fault == connectors.FaultConfig {
		return nil
	}
	return e
}

// expired reports whether Graph no longer honours a link that was stored. It is documented as 410, as a 4xx with one of
// these codes, and seen as a 400 about the token; a 400 to a link that is sent as it came can mean nothing else.
// (Microsoft Graph: delta query overview, "Synchronization reset".)
func expired(status int, code string) bool {
	if status == http.StatusGone || status == http.StatusBadRequest {
		return true
	}
	return status >= 400 && status < 500 && slices.ContainsFunc(strings.Split(code, "/"), func(c string) bool {
		switch strings.ToLower(c) {
		case "syncstatenotfound", "syncstateinvalid", "resyncrequired", "resyncapplydifferences", "resyncuploaddifferences":
			return true
		}
		return false
	})
}

// signIn is what people can do about the numbers that Entra's token service answers with (AADSTS error codes).
type signIn struct {
	fault  connectors.Fault
	remedy string
}

func signInRule(number int) (signIn, bool) {
	switch number {
	case 90002, 900023, 90013:
		return signIn{connectors.FaultConfig, "Check source.tenant and source.cloud"}, true
	case 700016:
		return signIn{connectors.FaultCredentials, "Check credential.client_id: the tenant has no such application"}, true
	case 7000215:
		return signIn{connectors.FaultCredentials, "Put the value of the client secret, not its id, into credential.client_secret"}, true
	case 7000222:
		return signIn{connectors.FaultCredentials, "Create a new client secret in Entra"}, true
	case 700027, 700030:
		return signIn{connectors.FaultCredentials, "Upload the certificate to the application in Entra"}, true
	case 7000112, 500014:
		return signIn{connectors.FaultCredentials, "Enable the application in Entra"}, true
	}
	return signIn{}, false
}

// signInError turns azidentity's page of text into one line.
func signInError(ctx context.Context, tenant string, err error) error {
	op := "sign in to tenant " + tenant
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	e := &connectors.Error{Fault: connectors.FaultCredentials, Op: op, Err: err}
	refused, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	switch {
	case !ok:
		return e // the credential cannot work here: a missing variable, no managed identity
	case refused.RawResponse == nil:
		e.Fault = connectors.FaultUnavailable
		return e
	}
	e.Err, e.Status = nil, refused.RawResponse.StatusCode
	body, _ := runtime.Payload(refused.RawResponse)
	var said struct {
		Description string `json:"error_description"`
		Numbers     []int  `json:"error_codes"`
	}
	_ = json.Unmarshal(body, &said) // whatever can be had
	e.Detail, _, _ = strings.Cut(said.Description, "Trace ID")
	if e.Detail == "" {
		e.Detail = parseError(body).Message
	}
	if e.Detail == "" {
		e.Detail = http.StatusText(e.Status)
	}
	if len(said.Numbers) > 0 {
		e.Code = "AADSTS" + strconv.Itoa(said.Numbers[0])
		if rule, ok := signInRule(said.Numbers[0]); ok {
			e.Fault, e.Remedy = rule.fault, rule.remedy
			return e
		}
	}
	if e.Status == http.StatusTooManyRequests || e.Status >= 500 {
		e.Fault = connectors.FaultUnavailable
	}
	return e
}
