package scim

import (
	"encoding/json"
	"fmt"
)

// ProviderConfig is what a server says it can do (RFC 7643, section 5).
type ProviderConfig struct {
	Patch  Supported `json:"patch"`
	Bulk   Supported `json:"bulk"`
	Sort   Supported `json:"sort"`
	ETag   Supported `json:"etag"`
	Filter struct {
		Supported  bool `json:"supported"`
		MaxResults int  `json:"maxResults"`
	} `json:"filter"`
	AuthenticationSchemes []struct {
		Type string `json:"type"`
		Name string `json:"name"`
	} `json:"authenticationSchemes"`
}

// Supported says whether an option is there.
type Supported struct {
	Supported bool `json:"supported"`
}

// ResourceType is a kind of resource that a server has (RFC 7643, section 6).
type ResourceType struct {
	Name       string `json:"name"`
	Endpoint   string `json:"endpoint"`
	Schema     string `json:"schema"`
	Extensions []struct {
		Schema string `json:"schema"`
	} `json:"schemaExtensions"`
}

// SchemaDocument is a schema as a server describes it, to the depth that a check needs (RFC 7643, section 7).
type SchemaDocument struct {
	ID         string `json:"id"`
	Attributes []struct {
		Name     string `json:"name"`
		Required bool   `json:"required"`
	} `json:"attributes"`
}

// ParseProviderConfig reads /ServiceProviderConfig.
func ParseProviderConfig(body []byte) (ProviderConfig, error) {
	var c ProviderConfig
	if err := json.Unmarshal(body, &c); err != nil {
		return ProviderConfig{}, fmt.Errorf("read service provider configuration: %w", err)
	}
	return c, nil
}

// ParseResourceTypes reads /ResourceTypes.
func ParseResourceTypes(body []byte) ([]ResourceType, error) {
	return documents[ResourceType](body, "resource types")
}

// ParseSchemas reads /Schemas.
func ParseSchemas(body []byte) ([]SchemaDocument, error) {
	return documents[SchemaDocument](body, "schemas")
}

// documents reads a ListResponse, or the bare array that some servers send instead.
func documents[T any](body []byte, what string) ([]T, error) {
	var bare []T
	if json.Unmarshal(body, &bare) == nil {
		return bare, nil
	}
	var list struct{ Resources []T }
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return list.Resources, nil
}
