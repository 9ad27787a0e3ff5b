package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/engine"
)

//go:embed assets templates openapi.yaml
var files embed.FS

// page is what the layout needs of every page.
type page struct {
	Title   string
	Tab     string
	Job     string   // "" where the page is of no job
	Jobs    []string // all that are served
	Held    int      // removals that wait for approval
	User    string   // "" if nobody has signed in
	Version string
	// Reload has a browser without JavaScript load the page anew after so many seconds.
	Reload  int
	Content any
}

// templates are the pages by name: each is the layout and the parts with one page's content.
var templates = parsePages()

func parsePages() map[string]*template.Template {
	base := template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/parts.html"))
	pages := map[string]*template.Template{}
	names, _ := fs.Glob(files, "templates/*.html") // the pattern is a good one
	for _, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "templates/"), ".html")
		if name != "layout" && name != "parts" {
			pages[name] = template.Must(template.Must(base.Clone()).ParseFS(files, file))
		}
	}
	return pages
}

var functions = template.FuncMap{
	"asset": func(name string) string { return "/assets/" + name + "?v=" + assetVersion },
	"path":  path,
	"query": query,
	"number": func(n any) string {
		return thousands(fmt.Sprint(n))
	},
	"count": count,
	"stamp": stamp,
	"short": shortName,
	"value": shownValue,
	"none":  func(v connectors.Value) bool { return v.IsNull() },
	"add":   func(a, b int) int { return a + b },
	"dict":  dict,
}

// path joins the segments of a path, each escaped.
func path(segments ...any) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteString("/" + url.PathEscape(fmt.Sprint(s)))
	}
	return b.String()
}

// query returns the query of names and values by turns, less those without a value.
func query(pairs ...any) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if text := fmt.Sprint(pairs[i+1]); text != "" {
			q.Set(fmt.Sprint(pairs[i]), text)
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// count gives "1 removal", "1,200 removals".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(strconv.Itoa(n)) + " " + noun + "s"
}

// stamp is a time as people are shown it; the zero time is never.
func stamp(t any) string {
	switch t := t.(type) {
	case time.Time:
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
	case *time.Time:
		if t != nil {
			return stamp(*t)
		}
	}
	return "never"
}

// shortName leaves out the URN of a schema extension, which no reader needs.
func shortName(name string) string {
	if strings.HasPrefix(strings.ToLower(name), "urn:") {
		return name[strings.LastIndexByte(name, ':')+1:]
	}
	return name
}

// shownValue is a value as people are shown it: a text as it is, the rest as JSON.
func shownValue(v connectors.Value) string {
	if v.IsNull() {
		return ""
	}
	return v.Text()
}

// visible shows what turns the direction of a text or does not show itself: names come from the directory, and one may
// look like another's.
func visible(r rune) rune {
	if r < 0x20 && r != '\n' && r != '\r' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f {
		return '�'
	}
	return r
}

// dict makes the data of a part of names and values by turns.
func dict(pairs ...any) map[string]any {
	d := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		d[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return d
}

// assetVersion changes with any of the assets, so that browsers may keep them.
var assetVersion = func() string {
	sum := sha256.New()
	names, _ := fs.Glob(files, "assets/*")
	for _, name := range names {
		data, _ := files.ReadFile(name) // Glob has just found it
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}()

func serveAsset(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("v") == assetVersion {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, files, "assets/"+r.PathValue("name"))
}

// visit is one request for a page.
type visit struct {
	c    *Console
	w    http.ResponseWriter
	r    *http.Request
	ctx  context.Context
	user string
	job  Job // of a path below /jobs
}

var errNotFound = errors.New("there is no such page")

// problem is an error that is the answer to what was asked, with its status.
type problem struct {
	status int
	err    error
}

func (p *problem) Error() string { return p.err.Error() }

func badRequest(format string, args ...any) error {
	return &problem{http.StatusBadRequest, fmt.Errorf(format, args...)}
}

// visit shows the page that handle makes, or its error as one.
func (c *Console) visit(handle func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := engine.WithActor(r.Context(), userOf(r))
		v := &visit{c: c, w: w, r: r, ctx: ctx, user: userOf(r)}
		err := error(nil)
		if name := r.PathValue("job"); name != "" {
			found := false
			if v.job, found = c.find(name); !found {
				err = &problem{http.StatusNotFound, fmt.Errorf("no job %q is being served", name)}
			}
		}
		if err == nil {
			err = handle(v)
		}
		if err == nil || r.Context().Err() != nil {
			return
		}
		status := http.StatusInternalServerError
		if p := (*problem)(nil); errors.As(err, &p) {
			status = p.status
		} else if errors.Is(err, errNotFound) {
			status = http.StatusNotFound
		} else {
			c.Logger.Error("a page of the console failed", "path", r.URL.Path, "error", err)
		}
		v.show(status, "error", page{Title: http.StatusText(status), Content: err.Error()})
	})
}

// show renders a page of the visit.
func (v *visit) show(status int, name string, p page) {
	p.Version = v.c.Version
	if len(v.c.Tokens) > 0 {
		p.User = v.user
	}
	for _, j := range v.c.Jobs() {
		p.Jobs = append(p.Jobs, j.Name())
	}
	if v.job.Config != nil {
		p.Job = v.job.Name()
		if held, err := v.job.Engine.HeldPeople(v.ctx); err == nil {
			p.Held = held
		}
	}
	v.c.render(v.w, status, name, p)
}

// page shows a page that came out well.
func (v *visit) page(name string, p page) error {
	v.show(http.StatusOK, name, p)
	return nil
}

// wantsPart reports whether htmx asks for a part of a page only.
func (v *visit) wantsPart() bool { return v.r.Header.Get("HX-Request") == "true" }

// showPart shows one part of a page.
func (v *visit) showPart(name, part string, data any) error {
	html, err := execute(name, part, data)
	if err == nil {
		v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = v.w.Write(html) // an error says that the browser is gone
	}
	return err
}

// seeOther sends the browser to a path of the visit's job.
func (v *visit) seeOther(segments ...any) error {
	http.Redirect(v.w, v.r, path(append([]any{"jobs", v.job.Name()}, segments...)...), http.StatusSeeOther)
	return nil
}

func (c *Console) render(w http.ResponseWriter, status int, name string, p page) {
	html, err := execute(name, "page", p)
	if err != nil {
		c.Logger.Error("a page of the console cannot be made", "page", name, "error", err)
		http.Error(w, "the page cannot be made; the daemon's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(html) // an error says that the browser is gone
}

func execute(name, part string, data any) ([]byte, error) {
	var b bytes.Buffer
	err := templates[name].ExecuteTemplate(&b, part, data)
	return bytes.Map(visible, b.Bytes()), err
}
