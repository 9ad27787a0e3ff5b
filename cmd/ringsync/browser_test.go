package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

// browser is a tab of a real browser, in which things are found as a screen reader finds them: by role and name.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string // what the console of the browser says is wrong, script that ran where none may
}

// chromium is the browser's program; a test is skipped where there is none, but not by the build server.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("there is no chromium: .ci/run installs it")
	}
	t.Skip("there is no chromium to look at pages with: apt-get install chromium")
	return ""
}

// newBrowser starts a browser with a fresh profile.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	profile, err := os.MkdirTemp("", "ringsync-browser-")
	if err != nil {
		t.Fatal(err)
	}
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless,
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
		// Two test sites on this machine, one of which is another's name for it.
		chromedp.Flag("host-resolver-rules", "MAP evil.test 127.0.0.1, MAP sync.contoso.test 127.0.0.1"),
		chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	b := &browser{t: t, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		stop()
		for end := time.Now().Add(5 * time.Second); os.RemoveAll(profile) != nil && time.Now().Before(end); { // its last processes are still at it
			time.Sleep(20 * time.Millisecond)
		}
		for _, p := range b.said() {
			t.Errorf("the browser says: %s", p)
		}
	})
	chromedp.ListenTarget(ctx, b.listen)
	b.do(cdplog.Enable(), runtime.Enable(), cdpage.Enable(), b.size(1280))
	return b
}

// listen takes down what a page that obeys its own policy never causes.
func (b *browser) listen(event any) {
	text := ""
	switch e := event.(type) {
	case *cdpage.EventJavascriptDialogOpening:
		text = "a script opened a dialog: " + e.Message
		go func() { _ = chromedp.Run(b.ctx, cdpage.HandleJavaScriptDialog(true)) }()
	case *runtime.EventExceptionThrown:
		text = "a script failed: " + e.ExceptionDetails.Error()
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.LevelError && e.Entry.Source != cdplog.SourceNetwork {
			text = string(e.Entry.Source) + ": " + e.Entry.Text
		}
	}
	if text != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.problems = append(b.problems, text)
	}
}

// said returns what went wrong, and forgets it.
func (b *browser) said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.problems
	b.problems = nil
	return said
}

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Run(b.ctx); err != nil { // starts it, once, without that end
		b.t.Fatal(err)
	}
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) size(width int64) chromedp.Action {
	return emulation.SetDeviceMetricsOverride(width, 800, 1, width < 600)
}

func (b *browser) dark(on bool) {
	b.t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// all returns what has the role and the name at the moment; an empty name is any.
func (b *browser) all(role, name string) (found []*accessibility.Node) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		root, err := dom.GetDocument().WithDepth(0).Do(ctx)
		if err != nil {
			return err
		}
		query := accessibility.QueryAXTree().WithNodeID(root.NodeID).WithRole(role)
		if name != "" {
			query = query.WithAccessibleName(name)
		}
		nodes, err := query.Do(ctx)
		for _, n := range nodes {
			if !n.Ignored {
				found = append(found, n)
			}
		}
		return err
	}))
	if err != nil && ctx.Err() == nil {
		return nil // the page is changing under it
	}
	return found
}

// find waits for something of that role and name, and returns it.
func (b *browser) find(role, name string) cdp.BackendNodeID {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if found := b.all(role, name); len(found) > 0 {
			return found[0].BackendDOMNodeID
		}
	}
	b.t.Fatalf("the page has no %s %q; its text is\n%s", role, name, b.body())
	return 0
}

// call runs a function of the page's own on what has the role and name.
func (b *browser) call(role, name, function string, args ...any) (result string) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		id := b.find(role, name)
		err := chromedp.Run(b.ctx, chromedp.ActionFunc(func(ctx context.Context) error {
			object, err := dom.ResolveNode().WithBackendNodeID(id).Do(ctx)
			if err != nil {
				return err
			}
			return chromedp.CallFunctionOn(function, &result, func(p *runtime.CallFunctionOnParams) *runtime.CallFunctionOnParams {
				return p.WithObjectID(object.ObjectID)
			}, args...).Do(ctx)
		}))
		if err == nil {
			return result
		}
		if time.Now().After(end) { // else the page has changed under it
			b.t.Fatal(err)
		}
	}
}

// text returns the text of what has the role and name.
func (b *browser) text(role, name string) string {
	b.t.Helper()
	return b.call(role, name, `function() { return this.innerText || "" }`)
}

// shows waits until what has the role and name says the text.
func (b *browser) shows(role, name, text string) {
	b.t.Helper()
	got := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got = b.text(role, name); strings.Contains(got, text) {
			return
		}
	}
	b.t.Fatalf("%s %q says %q, not %q", role, name, got, text)
}

// says waits until the page has the text.
func (b *browser) says(text string) {
	b.t.Helper()
	got := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got = b.body(); strings.Contains(got, text) {
			return
		}
	}
	b.t.Fatalf("the page says %q, not %q", got, text)
}

// arrives waits until the browser is at an address that has the text.
func (b *browser) arrives(text string) {
	b.t.Helper()
	got := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got = b.evaluate(`location.href + " " + document.readyState`); strings.Contains(got, text) && strings.HasSuffix(got, " complete") {
			return
		}
	}
	b.t.Fatalf("the browser is at %s, not at %s", got, text)
}

// click presses what has the role and name, with the mouse, where it is.
func (b *browser) click(role, name string) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		id := b.find(role, name)
		err := chromedp.Run(b.ctx, chromedp.ActionFunc(func(ctx context.Context) error {
			if err := dom.ScrollIntoViewIfNeeded().WithBackendNodeID(id).Do(ctx); err != nil {
				return err
			}
			quads, err := dom.GetContentQuads().WithBackendNodeID(id).Do(ctx)
			if err != nil || len(quads) == 0 {
				return fmt.Errorf("%s %q is nowhere: %w", role, name, err)
			}
			q := quads[0]
			return chromedp.MouseClickXY((q[0]+q[4])/2, (q[1]+q[5])/2).Do(ctx)
		}))
		if err == nil {
			return
		}
		if time.Now().After(end) { // else the page has changed under it
			b.t.Fatal(err)
		}
	}
}

// fill puts a text into a field, as typing it would.
func (b *browser) fill(role, name, text string) {
	b.t.Helper()
	b.call(role, name, `function(text) { this.focus(); this.value = text; this.dispatchEvent(new Event("input", {bubbles: true})); return "" }`, text)
}

// body returns the text of the page, once there is a whole one.
func (b *browser) body() string {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		whole := ""
		script := `document.readyState === "complete" ? "=" + document.body.innerText : ""`
		// An error says that the page is giving way to another.
		if err := chromedp.Run(b.ctx, chromedp.Evaluate(script, &whole)); err == nil && whole != "" {
			return whole[1:]
		}
	}
	b.t.Fatal("the page is never whole")
	return ""
}

func (b *browser) evaluate(script string) (result string) {
	b.t.Helper()
	b.do(chromedp.Evaluate(script, &result, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return result
}

// trust has the browser take any certificate: the tests make their own.
func (b *browser) trust() { b.do(security.SetIgnoreCertificateErrors(true)) }

// press types keys where the focus is.
func (b *browser) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// withoutScript has the browser run no JavaScript of pages.
func (b *browser) withoutScript() {
	b.t.Helper()
	b.do(emulation.SetScriptExecutionDisabled(true))
}

// shot is a picture of the whole page as PNG.
func (b *browser) shot(width int64) []byte {
	b.t.Helper()
	var data []byte
	b.do(b.size(width), chromedp.ActionFunc(func(ctx context.Context) error {
		_, _, _, _, _, size, err := cdpage.GetLayoutMetrics().Do(ctx)
		if err != nil {
			return err
		}
		data, err = cdpage.CaptureScreenshot().WithCaptureBeyondViewport(true).
			WithClip(&cdpage.Viewport{Width: float64(width), Height: min(size.Height, 2400), Scale: 1}).Do(ctx)
		return err
	}))
	return data
}
