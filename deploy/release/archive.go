package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io/fs"
	"slices"
	"time"
)

// entry is a file of an archive. Its mode is given and not read, since it depends on who checks the source out.
type entry struct {
	name string
	data []byte
	mode fs.FileMode
}

// byName sorts a copy, so that archives do not depend on the order in which files are found.
func byName(entries []entry) []entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return cmp.Compare(a.name, b.name) })
}

// tarball returns a .tar.gz of the entries in one folder; all belong to root and bear the same time.
func tarball(folder string, entries []entry, when time.Time) (data []byte, extension string, err error) {
	var b bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, "", err
	}
	w := tar.NewWriter(compressed)
	for _, e := range byName(entries) {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: folder + "/" + e.name, Mode: int64(e.mode), Size: int64(len(e.data)),
			ModTime: when, Uname: "root", Gname: "root", Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, "", err
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, "", err
		}
	}
	err = errors.Join(w.Close(), compressed.Close())
	return b.Bytes(), ".tar.gz", err
}

// zipped returns a .zip of the entries in one folder; all bear the same time.
func zipped(folder string, entries []entry, when time.Time) (data []byte, extension string, err error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range byName(entries) {
		header := &zip.FileHeader{Name: folder + "/" + e.name, Method: zip.Deflate, Modified: when}
		header.SetMode(e.mode)
		file, err := w.CreateHeader(header)
		if err != nil {
			return nil, "", err
		}
		if _, err := file.Write(e.data); err != nil {
			return nil, "", err
		}
	}
	err = w.Close()
	return b.Bytes(), ".zip", err
}
