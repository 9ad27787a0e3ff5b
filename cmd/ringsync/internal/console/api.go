package console

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// The control API beside the pages: the requests of a daemon's socket, for whoever has signed in. openapi.yaml describes it.

func serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	http.ServeFileFS(w, r, files, "openapi.yaml")
}

// apiJobs lists the jobs that are served, with how they stand.
func (c *Console) apiJobs(w http.ResponseWriter, r *http.Request) {
	statuses := []any{}
	for _, j := range c.Jobs() {
		status, err := j.Engine.Status(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		statuses = append(statuses, status)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"jobs": statuses}) // an error says that the caller is gone
}

// apiCommand runs a command line and answers with a frame a line.
func (c *Console) apiCommand(w http.ResponseWriter, r *http.Request) {
	j, ok := c.find(r.PathValue("job"))
	if !ok {
		http.Error(w, "no such job is being served", http.StatusNotFound)
		return
	}
	var line CommandLine
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &line)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	send := FrameWriter(w)
	exit, err := j.Run(r.Context(), userOf(r), line.Args, send)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_ = send(Frame{Exit: &exit}) // an error says that the caller is gone
}

// FrameWriter returns a function that answers a request of the control API with a frame a line, each at once.
func FrameWriter(w http.ResponseWriter) func(Frame) error {
	var mu sync.Mutex
	frames, control := json.NewEncoder(w), http.NewResponseController(w)
	return func(f Frame) error {
		mu.Lock()
		defer mu.Unlock()
		if err := frames.Encode(f); err != nil {
			return err
		}
		return control.Flush()
	}
}
