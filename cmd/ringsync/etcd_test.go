package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringsync/state/etcd/etcdtest"
)

var statePath = regexp.MustCompile(`(?m)^state:\n  path: .*\n`)

// inEtcd returns a configuration whose state is not in a file but in etcd.
func inEtcd(config []byte, lease time.Duration, addresses ...string) []byte {
	return statePath.ReplaceAll(config, fmt.Appendf(nil, "state:\n  etcd: {endpoints: [\"%s\"], lease: %s}\n", strings.Join(addresses, `", "`), lease))
}

// moveToEtcd has jobs keep their state in etcd.
func moveToEtcd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: etcd FILE...")
	}
	s := stageOf(ts)
	if s.etcd == "" {
		addresses, err := etcdtest.Start([]string{ts.MkAbs(".etcd")}, ts.Defer, nil)
		ts.Check(err)
		s.etcd = "http://" + addresses[0]
	}
	for _, name := range args {
		raw, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), inEtcd(raw, 5*time.Second, s.etcd), 0o600))
	}
}
