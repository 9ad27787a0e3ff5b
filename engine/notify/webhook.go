package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Headers of a webhook's request.
const (
	HeaderDelivery  = "Ringsync-Delivery"  // the message's id
	HeaderTimestamp = "Ringsync-Timestamp" // Unix time in seconds at which it was sent
	// HeaderSignature is "v1=" and, in hexadecimal, the HMAC-SHA256 (RFC 2104), under the shared secret, of the
	// timestamp, a dot and the body. There is none without a secret.
	HeaderSignature = "Ringsync-Signature"
)

// Webhook says where messages go by HTTP POST.
type Webhook struct {
	URL       string
	Secret    string            // of the signature; "": no signature
	Transport http.RoundTripper // nil: the system's, with proxy settings from the environment
}

type webhook struct {
	Webhook
	client *http.Client
}

// Channel returns the webhook as a recipient. It takes any 2xx as delivered.
func (w Webhook) Channel() Channel {
	// A redirect would carry names and signature elsewhere.
	return &webhook{w, &http.Client{Transport: w.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Name does not tell the URL, which may hold a key.
func (w *webhook) Name() string { return "webhook" }

func (w *webhook) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL of the webhook is not one")
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ringsync")
	req.Header.Set(HeaderDelivery, m.ID)
	req.Header.Set(HeaderTimestamp, at)
	if w.Secret != "" {
		mac := hmac.New(sha256.New, []byte(w.Secret))
		mac.Write(append([]byte(at+"."), body...))
		req.Header.Set(HeaderSignature, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	resp, err := w.client.Do(req)
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL
	}
	if err != nil {
		return fmt.Errorf("post to the webhook: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("post to the webhook: it answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}
