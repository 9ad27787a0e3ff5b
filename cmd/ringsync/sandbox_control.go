package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

// outage is when an emulator answers every request with a status, from now until its end.
type outage struct {
	mu     sync.Mutex
	status int
	until  time.Time
}

// now returns the status to answer with; 0 while the service is up.
func (o *outage) now() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !time.Now().Before(o.until) {
		return 0
	}
	return o.status
}

func (o *outage) set(status int, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status, o.until = status, until
}

func (o *outage) begin(w http.ResponseWriter, r *http.Request) {
	status, wait := http.StatusServiceUnavailable, time.Minute
	var err error
	if text := r.FormValue("for"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil || wait <= 0 {
			http.Error(w, "for is a duration such as 30s or 5m", http.StatusBadRequest)
			return
		}
	}
	if text := r.FormValue("status"); text != "" {
		if status, err = strconv.Atoi(text); err != nil || status < 400 || status > 599 {
			http.Error(w, "status is a number from 400 to 599", http.StatusBadRequest)
			return
		}
	}
	o.set(status, time.Now().Add(wait))
	w.WriteHeader(http.StatusNoContent)
}

func (o *outage) end(w http.ResponseWriter, _ *http.Request) {
	o.set(0, time.Time{})
	w.WriteHeader(http.StatusNoContent)
}

// beside serves a service, and the control of its outage.
func (o *outage) beside(service http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/", service)
	mux.HandleFunc("POST /sandbox/outage", o.begin)
	mux.HandleFunc("DELETE /sandbox/outage", o.end)
	return mux
}

// controlled serves the directory and what is there to try it with.
func controlled(directory *entratest.Directory) http.Handler {
	o := &outage{}
	directory.Fault(func(*http.Request) *entratest.Fault {
		if status := o.now(); status != 0 {
			return &entratest.Fault{Status: status}
		}
		return nil
	})
	return o.beside(directory)
}

// controlledAccount does the same for the account, and shows what it was sent.
func controlledAccount(account *ringcentraltest.Account) http.Handler {
	o := &outage{}
	account.Fault(func(*http.Request) *ringcentraltest.Fault {
		switch status := o.now(); status {
		case 0:
			return nil
		case http.StatusUnauthorized:
			return ringcentraltest.GatewayFault(status, "OAU-128", "Access token expired")
		default:
			return ringcentraltest.GatewayFault(status, "CMN-211", "Service is temporarily unavailable")
		}
	})
	mux := o.beside(account)
	mux.HandleFunc("GET /sandbox/writes", func(w http.ResponseWriter, r *http.Request) { listWrites(w, r, account.Writes()) })
	return mux
}

// sandboxWrite is one write that the emulated RingCentral was sent.
type sandboxWrite struct {
	Time   time.Time       `json:"time"`
	Client string          `json:"client"` // its User-Agent
	Method string          `json:"method"`
	User   string          `json:"user,omitempty"` // the account's id
	Status int             `json:"status"`
	Effect bool            `json:"effect"` // something has changed
	Body   json.RawMessage `json:"body,omitempty"`
}

// listWrites answers with the writes from number "from" on, the first being 0.
func listWrites(w http.ResponseWriter, r *http.Request, writes []ringcentraltest.Write) {
	from := 0
	if text := r.FormValue("from"); text != "" {
		var err error
		if from, err = strconv.Atoi(text); err != nil || from < 0 {
			http.Error(w, "from is the number of the first write to show, from 0", http.StatusBadRequest)
			return
		}
	}
	shown := []sandboxWrite{}
	for _, write := range writes[min(from, len(writes)):] {
		s := sandboxWrite{Time: write.Time, Client: write.Agent, Method: write.Method, User: write.ID, Status: write.Status, Effect: write.Effect}
		if json.Valid(write.Body) {
			s.Body = write.Body
		}
		shown = append(shown, s)
	}
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(shown) // the client has gone, if it fails
}
