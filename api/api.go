// Package api is the wire contract as a document.
package api

import _ "embed"

// OpenAPI is the OpenAPI 3.1 document of the API, in YAML, as it is served at /openapi.yaml. Callers must not change it.
//
//go:embed openapi.yaml
var OpenAPI []byte
