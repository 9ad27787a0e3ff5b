package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

var when = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var entries = []entry{{"tool", []byte("program"), 0o755}, {"docs/b.md", []byte("b"), 0o644}, {"docs/a.md", []byte("a"), 0o644}}

// listing is what an archive says of its files: name and mode, content.
var listing = map[string]string{"v1/tool -rwxr-xr-x": "program", "v1/docs/b.md -rw-r--r--": "b", "v1/docs/a.md -rw-r--r--": "a"}

func TestArchivesHoldTheirFilesInAnyOrder(t *testing.T) {
	for name, archive := range map[string]struct {
		make func(string, []entry, time.Time) ([]byte, string, error)
		list func(*testing.T, []byte) map[string]string
	}{".tar.gz": {tarball, listTarball}, ".zip": {zipped, listZip}} {
		data, extension, err := archive.make("v1", entries, when)
		if err != nil || extension != name {
			t.Fatalf("%s: extension %q, error %v", name, extension, err)
		}
		if got := archive.list(t, data); !maps.Equal(got, listing) {
			t.Errorf("%s holds %v, want %v", name, got, listing)
		}
		other := slices.Clone(entries)
		slices.Reverse(other)
		if again, _, err := archive.make("v1", other, when); err != nil || !bytes.Equal(data, again) {
			t.Errorf("%s depends on the order in which its files are found (error %v)", name, err)
		}
	}
}

func listTarball(t *testing.T, data []byte) map[string]string {
	unpacked, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if !unpacked.ModTime.IsZero() {
		t.Errorf("the gzip header bears a time: %v", unpacked.ModTime)
	}
	files := map[string]string{}
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(when) || h.Uid != 0 || h.Gid != 0 || h.Uname != "root" {
			t.Errorf("%s is of %v and belongs to %d:%d %s", h.Name, h.ModTime, h.Uid, h.Gid, h.Uname)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name+" "+fs.FileMode(h.Mode).String()] = string(content)
	}
}

func listZip(t *testing.T, data []byte) map[string]string {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range r.File {
		if !f.Modified.Equal(when) {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
		content, err := fs.ReadFile(r, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name+" "+f.Mode().String()] = string(content)
	}
	return files
}

func TestBillOfMaterials(t *testing.T) {
	p := &product{os: "linux", arch: "amd64", binary: []byte("program"), info: &debug.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Path: "ringsync", Version: "v1.2.3"},
		Deps: []*debug.Module{
			{Path: "example.com/a", Version: "v1.0.0+incompatible", Sum: "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
			{Path: "example.com/b", Version: "v2.0.0", Replace: &debug.Module{Path: "example.com/c", Version: "v2.0.1"}},
		},
	}}
	data, err := bom(p, when)
	if err != nil {
		t.Fatal(err)
	}
	var b bomDocument
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/std@1.26.8", "pkg:golang/example.com/a@v1.0.0%2Bincompatible", "pkg:golang/example.com/c@v2.0.1"}
	if got := b.Dependencies[0].DependsOn; !slices.Equal(got, want) {
		t.Errorf("the program depends on %v, want %v", got, want)
	}
	for i, c := range b.Components {
		if c.PURL != want[i] || c.Ref != want[i] {
			t.Errorf("component %d is %s, want %s", i, c.PURL, want[i])
		}
	}
	if len(b.Components[1].Hashes) != 1 || len(b.Components[2].Hashes) != 0 {
		t.Errorf("hashes are %v and %v, want one and none", b.Components[1].Hashes, b.Components[2].Hashes)
	}
	if b.Metadata.Timestamp != "2026-03-01T12:00:00Z" || b.Metadata.Component.Ref != "ringsync_1.2.3_linux_amd64" {
		t.Errorf("it is of %s at %s", b.Metadata.Component.Ref, b.Metadata.Timestamp)
	}
	if again, err := bom(p, when); err != nil || !bytes.Equal(data, again) {
		t.Errorf("a second one of the same program differs (error %v)", err)
	}
}

func TestDifference(t *testing.T) {
	a := map[string][]byte{"x": []byte("1"), "y": []byte("2")}
	for _, c := range []struct {
		name    string
		b       map[string][]byte
		differs bool
	}{
		{"", map[string][]byte{"x": []byte("1"), "y": []byte("2")}, false},
		{"y", map[string][]byte{"x": []byte("1"), "y": []byte("3")}, true},
		{"y", map[string][]byte{"x": []byte("1")}, true},
		{"", map[string][]byte{"x": []byte("1"), "y": []byte("2"), "z": nil}, true},
	} {
		if name, differs := difference(a, c.b); name != c.name || differs != c.differs {
			t.Errorf("difference to %q is %q, %t, want %q, %t", c.b, name, differs, c.name, c.differs)
		}
	}
}

func TestSums(t *testing.T) {
	got := string(sums(map[string][]byte{"b": []byte("b"), "a": []byte("a")}))
	want := "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a\n" +
		"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
