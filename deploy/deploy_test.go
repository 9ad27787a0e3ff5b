// Package deploy_test holds the files in this folder to the program and to each other.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// settings returns a unit's lines but comments and blank ones.
func settings(unit string) (lines []string) {
	for line := range strings.SplitSeq(unit, "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestUnits(t *testing.T) {
	one, many := settings(read(t, "systemd/ringsync.service")), settings(read(t, "systemd/ringsync@.service"))
	var want []string
	for _, line := range one {
		line = strings.ReplaceAll(line, "/etc/ringsync", "/etc/ringsync/%i")
		switch {
		case strings.HasPrefix(line, "Description="):
			line += ": %i"
		case line == "StateDirectory=ringsync":
			line += "-%i" // a folder of its own: systemd gives all below a state folder to its service's user
		}
		want = append(want, line)
	}
	if !slices.Equal(many, want) {
		t.Errorf("the units differ in more than their folders:\n%s\nwant\n%s", strings.Join(many, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range []string{"DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=",
		"Restart=on-failure", "RestartPreventExitStatus=64", "Type=notify", "WatchdogSec=2min", "TimeoutStartSec=5min",
		"ExecReload=/bin/kill -HUP $MAINPID"} {
		if !slices.Contains(one, line) {
			t.Errorf("ringsync.service lacks %s", line)
		}
	}
}

// TestUnitsToSystemd asks systemd itself, where there is one, what it thinks of the units.
func TestUnitsToSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze here; TestUnits has read the units")
		return
	}
	dir := t.TempDir()
	for from, to := range map[string]string{"ringsync.service": "ringsync.service", "ringsync@.service": "ringsync@contoso.service"} {
		// The program need not be installed here.
		unit := strings.ReplaceAll(read(t, "systemd/"+from), "/usr/local/bin/ringsync", "/bin/true")
		file := filepath.Join(dir, to)
		if err := os.WriteFile(file, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"verify", "--man=no", file}, {"security", "--no-pager", "--offline=true", "--threshold=20", file}} {
			out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
			if err != nil || args[0] == "verify" && strings.Contains(string(out), file) {
				t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
			}
		}
	}
}

func TestContainerfile(t *testing.T) {
	text := read(t, "container/Containerfile")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if want := "golang:" + version[1] + " AS build"; !strings.Contains(text, want) {
		t.Errorf("the image is not built with go.mod's Go: no %q", want)
	}
	_, last, _ := strings.Cut(text, "\nFROM scratch\n")
	for _, line := range []string{"USER 65532:65532", "VOLUME /var/lib/ringsync", `ENTRYPOINT ["/usr/local/bin/ringsync"]`,
		"COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt"} {
		if !slices.Contains(strings.Split(last, "\n"), line) {
			t.Errorf("the last stage lacks %s", line)
		}
	}
}

func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			ReadOnly bool     `yaml:"read_only"`
			CapDrop  []string `yaml:"cap_drop"`
			Build    struct{ Context, Dockerfile string }
			Volumes  []string
			Secrets  []string
		}
		Secrets map[string]any
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "container/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	s := file.Services["ringsync"]
	if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
		t.Errorf("read_only is %t and cap_drop %v, want true and ALL", s.ReadOnly, s.CapDrop)
	}
	if _, err := os.Stat(filepath.Join("container", s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	if _, ok := file.Volumes["state"]; !ok || !slices.Contains(s.Volumes, "state:/var/lib/ringsync") {
		t.Errorf("the state is in no volume: %v of %v", s.Volumes, file.Volumes)
	}
	for _, name := range s.Secrets {
		if _, ok := file.Secrets[name]; !ok {
			t.Errorf("secret %s is not defined", name)
		}
	}
}

// TestAlerts has Prometheus's own tool read the alerts and play their tests, and each alert have one.
func TestAlerts(t *testing.T) {
	alerts, tests := read(t, "prometheus/ringsync.rules.yaml"), read(t, "prometheus/ringsync.rules.test.yaml")
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(alerts, -1) {
		if !strings.Contains(tests, "alertname: "+alert[1]+"\n") && !strings.Contains(tests, "alertname: "+alert[1]+"}") {
			t.Errorf("no test speaks of the alert %s", alert[1])
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here: Debian's package prometheus has it, and .ci/run installs that")
	}
	for _, args := range [][]string{{"check", "rules", "ringsync.rules.yaml"}, {"test", "rules", "ringsync.rules.test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
