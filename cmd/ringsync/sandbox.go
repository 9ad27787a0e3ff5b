package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

// The tokens that the sandbox takes. They open nothing but emulators on this machine.
const (
	sandboxGraphToken       = "sandbox-graph"
	sandboxRingCentralToken = "sandbox-ringcentral"
)

// sandboxMarker begins every configuration that the sandbox wrote, and so may write anew.
const sandboxMarker = "# Written by ringsync sandbox, which overwrites it at every start.\n"

// sandbox is what the command's flags ask for.
type sandbox struct {
	graphPort, ringCentralPort int
	people, groups             int
	file                       string
	duplicates                 bool
	licenses                   int
	limits                     bool
	latency                    time.Duration
	console                    bool
	listen                     string
}

func newSandboxCommand(a *app) *cobra.Command {
	s := &sandbox{}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve a made-up Entra tenant and RingCentral account on this machine to try things on",
		Long: `Serves an emulated Microsoft Graph and an emulated RingCentral account on loopback until stopped with Ctrl-C, and
writes a configuration file that points at them, for use with check, diff, sync and run in another terminal. Everything
is in memory: each start begins anew with the same people.

With --console a daemon works between the two from the start, as ringsync run with that configuration would, and its web
console shows it.

Both take the requests that change the real services. Beside those, each takes

  POST   /sandbox/outage?for=DURATION&status=CODE   be down, with 503 unless told otherwise, 401 for wrong credentials
  DELETE /sandbox/outage                            be up again
  GET    /sandbox/writes?from=N                     RingCentral only: every write it was sent, from the Nth on

Exit codes: 0 stopped by a signal; 1 failed, as when a port is taken; 64 wrong usage.`,
		Example: `  ringsync sandbox
  ringsync sandbox --console
  ringsync sandbox --people 2000 --limits`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context(), a) },
	}
	flags := cmd.Flags()
	flags.IntVar(&s.graphPort, "graph-port", 8041, "`port` of Microsoft Graph, 0 for any")
	flags.IntVar(&s.ringCentralPort, "ringcentral-port", 8042, "`port` of RingCentral, 0 for any")
	flags.IntVar(&s.people, "people", 50, "`number` of people in the tenant")
	flags.IntVar(&s.groups, "groups", 3, "`number` of groups in the tenant")
	flags.StringVar(&s.file, "file", "ringsync-sandbox.yaml", "configuration `file` to write")
	flags.BoolVar(&s.duplicates, "duplicates", false, "let several RingCentral users have one mail address")
	flags.IntVar(&s.licenses, "licenses", -1, "`number` of free RingCentral licences, -1 for no limit")
	flags.DurationVar(&s.latency, "latency", 0, "`time` that RingCentral takes to answer, such as 20ms")
	flags.BoolVar(&s.limits, "limits", false, "keep to RingCentral's documented rate limits (10 writes a minute)")
	flags.BoolVar(&s.console, "console", false, "serve the job too, with its web console")
	flags.StringVar(&s.listen, "listen", defaultListen, "`address` of the web console")
	return cmd
}

func (s *sandbox) run(ctx context.Context, a *app) (err error) {
	if s.people < 1 || s.groups < 1 {
		return usageError("--people and --groups must be at least 1")
	}
	if err := s.mayWrite(); err != nil {
		return err
	}
	graph, err := listen(s.graphPort, "--graph-port")
	if err != nil {
		return err
	}
	defer graph.Close()
	ringCentral, err := listen(s.ringCentralPort, "--ringcentral-port")
	if err != nil {
		return err
	}
	defer ringCentral.Close()

	// The emulators forget everything at the end, so the state of the job must not outlive them.
	folder, err := os.MkdirTemp("", "ringsync-sandbox-")
	if err != nil {
		return fmt.Errorf("make a folder for the state file: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	directory, account := s.services()
	place := sandboxPlace{
		Graph:       "http://" + graph.Addr().String() + "/v1.0",
		RingCentral: "http://" + ringCentral.Addr().String() + "/scim/v2",
		File:        s.file, Tenant: directory.Tenant(), App: directory.AppID(),
		State: filepath.Join(folder, "sandbox.db"),
	}
	if err := writeNew(s.file, place.config(), true); err != nil {
		return err
	}

	serving, ctx := errgroup.WithContext(ctx)
	serve(ctx, serving, graph, controlled(directory))
	serve(ctx, serving, ringCentral, controlledAccount(account))
	if a.json {
		a.printJSON(place)
	} else {
		fmt.Fprint(a.stdout, place.text(directory))
	}
	if s.console {
		if !a.json {
			fmt.Fprintf(a.stdout, "Web console      http://%s/\n\n", s.listen)
		}
		serving.Go(func() error {
			a.configPath = s.file
			return a.run(ctx, s.listen, nil, consoleFlags{on: true})
		})
	}
	return serving.Wait()
}

// mayWrite refuses to overwrite a file that the sandbox did not write.
func (s *sandbox) mayWrite() error {
	old, err := os.ReadFile(s.file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at the configuration file to write: %w", err)
	case !strings.HasPrefix(string(old), sandboxMarker):
		return usageError("%s was not written by ringsync sandbox; --file names another", s.file)
	}
	return nil
}

func listen(port int, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("%w; %s names another port, 0 takes any", err, flag)
	}
	return l, nil
}

// services returns the two emulators with the people and groups asked for.
func (s *sandbox) services() (*entratest.Directory, *ringcentraltest.Account) {
	directory := entratest.New(entratest.Options{Token: sandboxGraphToken, Seed: 1})
	directory.Populate(s.people, s.groups)
	options := ringcentraltest.Options{Token: sandboxRingCentralToken, Licenses: s.licenses, AllowDuplicates: s.duplicates, Latency: s.latency}
	if s.limits {
		options.Limits = ringcentraltest.DocumentedLimits()
	}
	return directory, ringcentraltest.New(options)
}

// serve serves until the context ends; requests under way are given a second.
func serve(ctx context.Context, group *errgroup.Group, l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(ended)
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(limited) != nil {
			_ = server.Close() // somebody holds on; the end is the end
		}
	})
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		<-ended
		return nil
	})
}

// sandboxPlace says where everything is.
type sandboxPlace struct {
	Graph       string `json:"graph"`
	RingCentral string `json:"ringcentral"`
	File        string `json:"file"`
	Tenant      string `json:"tenant"`
	App         string `json:"app"`
	State       string `json:"state"`
}

func (p sandboxPlace) config() []byte {
	return fmt.Appendf(nil, sandboxMarker+`# It works as long as the sandbox runs. Copy it under another name to keep changes.
job: sandbox
source:
  tenant: %s
  app: %s
  endpoint: %s
  credential: {kind: static, token: %s}
target:
  url: %s
  token: %s
state:
  path: %q
`, p.Tenant, p.App, p.Graph, sandboxGraphToken, p.RingCentral, sandboxRingCentralToken, p.State)
}

// text tells a person how to use the sandbox from another terminal.
func (p sandboxPlace) text(d *entratest.Directory) string {
	var b strings.Builder
	fmt.Fprintf(&b, `Microsoft Graph  %s  (token %s)
RingCentral      %s  (token %s)

In another terminal:

  ringsync -c %[5]s check
  ringsync -c %[5]s diff
  ringsync -c %[5]s sync

`, p.Graph, sandboxGraphToken, p.RingCentral, sandboxRingCentralToken, p.File)
	b.WriteString("Change the tenant as one changes a real one, and diff again:\n\n")
	users, group := d.Users(), d.Groups()[0]
	const curl = "  curl -X %s -H 'Authorization: Bearer " + sandboxGraphToken + "' '%s%s'"
	const patch = curl + " \\\n    -H 'Content-Type: application/json' -d '%s'\n\n"
	fmt.Fprintf(&b, "  # %s has a new title\n", personName(d, users[0]))
	fmt.Fprintf(&b, patch, "PATCH", p.Graph, "/users/"+users[0], `{"jobTitle": "Astronaut"}`)
	disabled := users[1%len(users)]
	fmt.Fprintf(&b, "  # %s is disabled\n", personName(d, disabled))
	fmt.Fprintf(&b, patch, "PATCH", p.Graph, "/users/"+disabled, `{"accountEnabled": false}`)
	if members := d.Members(group); len(members) > 0 {
		left := members[len(members)-1]
		fmt.Fprintf(&b, "  # %s is unassigned, by leaving a group\n", personName(d, left))
		fmt.Fprintf(&b, curl+"\n\n", "DELETE", p.Graph, "/groups/"+group+"/members/"+left+"/$ref")
	}
	root := strings.TrimSuffix(p.RingCentral, "/scim/v2")
	fmt.Fprintf(&b, "What RingCentral was sent, and a minute without it:\n\n  curl '%s/sandbox/writes'\n  curl -X POST '%[1]s/sandbox/outage?for=1m'\n\n", root)
	b.WriteString("Ctrl-C stops both and forgets everything.\n")
	return b.String()
}

func personName(d *entratest.Directory, id string) any {
	user, _ := d.User(id)
	return user["displayName"]
}
