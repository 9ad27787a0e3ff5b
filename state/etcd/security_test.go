package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"ringsync/state/etcd"
)

// A user that may read and write below the prefix is all that a job needs; who may not, or is not who it says, is told
// so.
func TestUsers(t *testing.T) {
	address := server(t, nil)
	admin := bare(t, address)
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(admin.UserAdd(ctx, "root", "root"))
	must(admin.UserGrantRole(ctx, "root", "root"))
	must(admin.RoleAdd(ctx, "ringsync"))
	must(admin.RoleGrantPermission(ctx, "ringsync", "ringsync/", clientv3.GetPrefixRangeEnd("ringsync/"), clientv3.PermissionType(clientv3.PermReadWrite)))
	must(admin.UserAdd(ctx, "sync", "secret"))
	must(admin.UserGrantRole(ctx, "sync", "ringsync"))
	must(admin.AuthEnable(ctx))

	options := etcd.Options{Endpoints: []string{address}, Username: "sync", Password: "secret", Patience: 5 * time.Second}
	job := newJob()
	db := open(t, own(t, join(t, dial(t, options)), job))
	put(t, db, 1000, "value") // by an intent
	if value, n := values(people(t, db)); value != "value" || n != 1000 {
		t.Errorf("%d × %q", n, value)
	}
	for _, c := range []struct {
		name, says string
		change     func(*etcd.Options)
	}{
		{"a wrong password", "wrong user name or password", func(o *etcd.Options) { o.Password = "wrong" }},
		{"nobody", "asks for a user name and password", func(o *etcd.Options) { o.Username, o.Password = "", "" }},
		{"another prefix", `may not read and write keys that begin with "other/"`, func(o *etcd.Options) { o.Prefix = "other" }},
	} {
		refused := options
		c.change(&refused)
		_, err := etcd.Dial(ctx, refused)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "wrong\"") {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	authority, signs := certificate(t, dir, "ca", nil, nil)
	certificate(t, dir, "server", authority, signs)
	certificate(t, dir, "client", authority, signs)
	address := server(t, func(c *embed.Config) {
		c.ListenClientUrls[0].Scheme, c.AdvertiseClientUrls[0].Scheme = "https", "https"
		c.ClientTLSInfo = transport.TLSInfo{CertFile: filepath.Join(dir, "server.pem"), KeyFile: filepath.Join(dir, "server.key"),
			TrustedCAFile: filepath.Join(dir, "ca.pem"), ClientCertAuth: true}
	})
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	options := etcd.Options{Endpoints: []string{"https://" + address}, Patience: 2 * time.Second,
		TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	db := open(t, own(t, join(t, dial(t, options)), newJob()))
	put(t, db, 1, "value")

	for name, settings := range map[string]*tls.Config{
		"an authority that is not trusted": {Certificates: []tls.Certificate{pair}},
		"no certificate":                   {RootCAs: pool},
	} {
		refused := options
		refused.TLS = settings
		if _, err := etcd.Dial(t.Context(), refused); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v, want an error that speaks of certificates", name, err)
		}
	}
}

// certificate makes a certificate and its key in files; without an authority it is one.
func certificate(t *testing.T, dir, name string, authority *x509.Certificate, signs *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if authority == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		authority, signs = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, signs)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: raw}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}
