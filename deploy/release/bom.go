package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The bill of materials is a CycloneDX 1.6 document (ECMA-424) of what Go recorded in the program: its modules, with
// the sums that go.sum holds, and the standard library.

type bomDocument struct {
	Format       string          `json:"bomFormat"`
	SpecVersion  string          `json:"specVersion"`
	SerialNumber string          `json:"serialNumber"`
	Version      int             `json:"version"`
	Metadata     bomMetadata     `json:"metadata"`
	Components   []bomComponent  `json:"components"`
	Dependencies []bomDependency `json:"dependencies"`
}

type bomMetadata struct {
	Timestamp string       `json:"timestamp"`
	Component bomComponent `json:"component"`
}

type bomComponent struct {
	Ref     string    `json:"bom-ref"`
	Type    string    `json:"type"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	PURL    string    `json:"purl,omitempty"`
	Hashes  []bomHash `json:"hashes,omitempty"`
}

type bomHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"` // hexadecimal
}

type bomDependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// bom returns a product's bill of materials. It is the same for the same product: its serial number is made of it.
func bom(p *product, when time.Time) ([]byte, error) {
	sum := sha256.Sum256(p.binary)
	program := bomComponent{Ref: p.name(), Type: "application", Name: p.info.Main.Path, Version: p.info.Main.Version,
		Hashes: []bomHash{{"SHA-256", hex.EncodeToString(sum[:])}}}
	std := purl("std", strings.TrimPrefix(p.info.GoVersion, "go"))
	components := []bomComponent{{Ref: std, Type: "library", Name: "std", Version: p.info.GoVersion, PURL: std}}
	for _, m := range p.info.Deps {
		components = append(components, moduleComponent(m))
	}
	all := bomDependency{Ref: program.Ref}
	for _, c := range components {
		all.DependsOn = append(all.DependsOn, c.Ref)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(bomDocument{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		SerialNumber: uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).URN(),
		Metadata:     bomMetadata{when.Format(time.RFC3339), program},
		Components:   components,
		Dependencies: []bomDependency{all},
	})
	return b.Bytes(), err
}

func moduleComponent(m *debug.Module) bomComponent {
	if m.Replace != nil {
		m = m.Replace
	}
	c := bomComponent{Ref: purl(m.Path, m.Version), Type: "library", Name: m.Path, Version: m.Version, PURL: purl(m.Path, m.Version)}
	// Go's h1 sum is a SHA-256 over the module's files.
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(raw) == sha256.Size {
		c.Hashes = []bomHash{{"SHA-256", hex.EncodeToString(raw)}}
	}
	return c
}

// purl returns the package URL of a Go module.
func purl(module, version string) string {
	return "pkg:golang/" + module + "@" + strings.ReplaceAll(version, "+", "%2B")
}
