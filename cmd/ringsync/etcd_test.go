package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// startEtcd starts a cluster of so many members, each with a folder of its own, and returns their addresses, such as
// http://127.0.0.1:2379.
func startEtcd(folders []string, cleanup func(func())) (addresses []string, err error) {
	configs := make([]*embed.Config, len(folders))
	var all []string
	for i, folder := range folders {
		c := embed.NewConfig()
		c.Name, c.Dir = fmt.Sprintf("member-%d", i), folder
		c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
		c.UnsafeNoFsync = true // no test cuts the power
		for _, urls := range []*[]url.URL{&c.ListenClientUrls, &c.ListenPeerUrls} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			*urls = []url.URL{{Scheme: "http", Host: l.Addr().String()}}
			if err := l.Close(); err != nil {
				return nil, err
			}
		}
		c.AdvertiseClientUrls, c.AdvertisePeerUrls = c.ListenClientUrls, c.ListenPeerUrls
		all = append(all, fmt.Sprintf("%s=%s", c.Name, c.AdvertisePeerUrls[0].String()))
		addresses = append(addresses, c.AdvertiseClientUrls[0].String())
		configs[i] = c
	}
	var members []*embed.Etcd
	for _, c := range configs {
		c.InitialCluster = strings.Join(all, ",")
		e, err := embed.StartEtcd(c)
		if err != nil {
			return nil, err
		}
		cleanup(e.Close)
		members = append(members, e)
	}
	for _, e := range members {
		select {
		case <-e.Server.ReadyNotify():
		case <-time.After(time.Minute):
			return nil, fmt.Errorf("etcd did not start")
		}
	}
	return addresses, nil
}

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
		addresses, err := startEtcd([]string{ts.MkAbs(".etcd")}, ts.Defer)
		ts.Check(err)
		s.etcd = addresses[0]
	}
	for _, name := range args {
		raw, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), inEtcd(raw, 5*time.Second, s.etcd), 0o600))
	}
}
