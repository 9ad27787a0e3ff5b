package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// hook is a real receiver of webhooks.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	posts  []posted
}

type posted struct {
	header http.Header
	body   []byte
}

func newHook(t *testing.T) *hook {
	h := &hook{status: http.StatusNoContent}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			t.Errorf("%s: %v", r.Method, err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.posts = append(h.posts, posted{r.Header, body})
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hook) channel() Channel {
	return Webhook{URL: h.URL + "/hook?sig=k3y", Secret: "s3cret"}.Channel()
}

// got returns the messages since the last call, and their requests.
func (h *hook) got(t *testing.T) (messages []Message, requests []posted) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	requests, h.posts = h.posts, nil
	for _, p := range requests {
		var m Message
		if err := json.Unmarshal(p.body, &m); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages, requests
}

// events returns "kind event" of the messages since the last call.
func (h *hook) events(t *testing.T) string {
	t.Helper()
	messages, _ := h.got(t)
	var all []string
	for _, m := range messages {
		all = append(all, string(m.Kind)+" "+string(m.Event))
	}
	return strings.Join(all, ", ")
}

// The receiver can tell from the headers who sent the body and when.
func TestWebhook(t *testing.T) {
	s, h := newScene(t), newHook(t)
	var ids []string
	for i := range mostPeople + 3 {
		ids = append(ids, string(rune('a'+i)))
	}
	s.hold(1, ids...)
	look(t.Context(), s.notifier(h.channel()))
	messages, requests := h.got(t)
	if len(messages) != 1 {
		t.Fatalf("%d messages", len(messages))
	}
	m, header := messages[0], requests[0].header
	if m.Job != "contoso" || m.Kind != Held || m.Event != Begins || !m.Since.Equal(s.now) || !m.At.Equal(s.now) ||
		len(m.People) != mostPeople || m.More != 3 || m.People[0].UserPrincipalName != "a@contoso.com" {
		t.Errorf("%+v", m)
	}
	if len(m.Commands) != 2 || m.Commands[1].Run != "ringsync -c contoso.yaml approve 1" {
		t.Errorf("%+v", m.Commands)
	}
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(header.Get("Ringsync-Timestamp") + "."))
	mac.Write(requests[0].body)
	if want := "v1=" + hex.EncodeToString(mac.Sum(nil)); header.Get("Ringsync-Signature") != want {
		t.Errorf("signature %q, want %q", header.Get("Ringsync-Signature"), want)
	}
	if header.Get("Content-Type") != "application/json" || header.Get("Ringsync-Delivery") != m.ID || len(m.ID) != 32 {
		t.Errorf("%v", header)
	}
}

func TestWebhookUnsigned(t *testing.T) {
	h := newHook(t)
	if err := (Webhook{URL: h.URL}).Channel().Send(t.Context(), Message{}); err != nil {
		t.Fatal(err)
	}
	if _, requests := h.got(t); requests[0].header["Ringsync-Signature"] != nil {
		t.Error("signed with nothing")
	}
}

// An error names neither the URL, which may hold a key, nor the secret. A redirect is not followed.
func TestWebhookErrors(t *testing.T) {
	h := newHook(t)
	h.answer(http.StatusTemporaryRedirect)
	err := h.channel().Send(t.Context(), Message{})
	if err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("redirected: %v", err)
	}
	if messages, _ := h.got(t); len(messages) != 1 {
		t.Errorf("%d requests", len(messages))
	}
	c := h.channel()
	h.Close()
	for _, err := range []error{c.Send(t.Context(), Message{}), Webhook{URL: "http://k3y\x7f"}.Channel().Send(t.Context(), Message{})} {
		if err == nil || strings.Contains(err.Error(), "k3y") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	}
}

// What was not delivered is tried again at growing intervals, as the same message, until it is.
func TestRetry(t *testing.T) {
	s, h := newScene(t), newHook(t)
	var heard []bool
	n := s.notifier(h.channel())
	n.Delivered = func(_ string, err error) { heard = append(heard, err == nil) }
	h.answer(http.StatusServiceUnavailable)
	s.hold(1, "adele")
	var at []time.Duration
	ids := map[string]bool{}
	begin := s.now
	for s.now.Sub(begin) < 10*time.Minute {
		look(t.Context(), n)
		messages, _ := h.got(t)
		for _, m := range messages {
			at, ids[m.ID] = append(at, s.now.Sub(begin)), true
		}
		s.now = s.now.Add(30 * time.Second)
	}
	if len(at) != 4 || at[1] != time.Minute || at[2] != 3*time.Minute || at[3] != 7*time.Minute || len(ids) != 1 {
		t.Errorf("tried after %v, ids %v", at, ids)
	}
	h.answer(http.StatusOK)
	s.now = s.now.Add(time.Hour)
	for range 3 {
		look(t.Context(), n)
	}
	if got := h.events(t); got != "held begins" {
		t.Errorf("then %s", got)
	}
	if len(heard) != 5 || heard[3] || !heard[4] {
		t.Errorf("heard %v", heard)
	}
}
