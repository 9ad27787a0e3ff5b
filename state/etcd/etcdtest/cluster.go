// Package etcdtest owns etcd clusters for tests: the real server, in the test's own process, and lines to it that can be
// cut.
package etcdtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Start starts a cluster of a member for each folder, until the test cleans up, and returns their addresses, such as
// 127.0.0.1:2379. change, if it is not nil, changes each member's configuration first.
func Start(folders []string, cleanup func(func()), change func(*embed.Config)) (addresses []string, err error) {
	configs := make([]*embed.Config, len(folders))
	var all []string
	for i, folder := range folders {
		c := embed.NewConfig()
		c.Name, c.Dir = fmt.Sprintf("member-%d", i), folder
		c.ZapLoggerBuilder, c.LogLevel = embed.NewZapLoggerBuilder(zap.NewNop()), "error"
		c.UnsafeNoFsync = true // no test cuts the power
		for _, urls := range []*[]url.URL{&c.ListenClientUrls, &c.ListenPeerUrls} {
			host, err := free()
			if err != nil {
				return nil, err
			}
			*urls = []url.URL{{Scheme: "http", Host: host}}
		}
		c.AdvertiseClientUrls, c.AdvertisePeerUrls = append([]url.URL{}, c.ListenClientUrls...), append([]url.URL{}, c.ListenPeerUrls...)
		all = append(all, c.Name+"="+c.AdvertisePeerUrls[0].String())
		addresses = append(addresses, c.ListenClientUrls[0].Host)
		configs[i] = c
	}
	var members []*embed.Etcd
	for _, c := range configs {
		c.InitialCluster = strings.Join(all, ",")
		if change != nil {
			change(c)
		}
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
			return nil, errors.New("etcd did not start")
		}
	}
	return addresses, nil
}

// free returns an address on this machine that nobody listens at.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
