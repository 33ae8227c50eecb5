// Package apitest holds the answers of a server, in tests, against the OpenAPI document: their status must be one that
// the document describes for the call, and their headers and body must match what it says of that status. Requests are
// not looked at, since tests send bad ones on purpose.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/carteiro/carteiro/api"
)

// Validator checks answers against the OpenAPI document. It is safe for concurrent use.
type Validator struct {
	router routers.Router
	// What is answered where the document has no path, or no such method of it: under a rate limit, and outside of it.
	limited, unlimited fallback
}

// A fallback is a pair of routes that the document has no paths for.
type fallback struct {
	notFound, methodNotAllowed *routers.Route
}

// New gives a validator of the embedded document, and fails the test when the document cannot be read.
func New(t testing.TB) *Validator {
	t.Helper()
	v, err := shared()
	if err != nil {
		t.Fatalf("read the OpenAPI document: %v", err)
	}
	return v
}

// shared reads the document once for all tests of a program: a validator keeps nothing of what it has checked.
var shared = sync.OnceValues(func() (*Validator, error) { return read(api.OpenAPI) })

func read(document []byte) (*Validator, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	v := &Validator{router: router}
	if v.limited, err = newFallback(doc, true); err != nil {
		return nil, err
	}
	if v.unlimited, err = newFallback(doc, false); err != nil {
		return nil, err
	}
	return v, nil
}

func newFallback(doc *openapi3.T, limited bool) (fallback, error) {
	var f fallback
	for _, fill := range []struct {
		name   string
		status int
		route  **routers.Route
	}{
		{"NotFound", http.StatusNotFound, &f.notFound},
		{"MethodNotAllowed", http.StatusMethodNotAllowed, &f.methodNotAllowed},
	} {
		ref := doc.Components.Responses[fill.name]
		if ref == nil {
			return f, fmt.Errorf("no components/responses/%s", fill.name)
		}
		response := *ref.Value
		response.Headers = openapi3.Headers{}
		for name, header := range ref.Value.Headers {
			if limited || !strings.HasPrefix(name, "X-RateLimit-") {
				response.Headers[name] = header
			}
		}
		*fill.route = &routers.Route{Spec: doc, Operation: &openapi3.Operation{
			Responses: openapi3.NewResponses(openapi3.WithStatus(fill.status, &openapi3.ResponseRef{Value: &response})),
		}}
	}
	return f, nil
}

// Check fails the test, and lets it go on, when the answer is not as the document says: a status that it does not
// describe for the call; a header that is missing or of the wrong kind; a body that does not match its schema. An
// answer for a path that the document does not know must be the shared 404, and one for a method that it does not know
// of a path the shared 405. HEAD is checked as GET without the body. The body of resp is not read: its bytes are
// responseBody; requestBody, which may be nil, is shown beside a failure.
func (v *Validator) Check(t testing.TB, req *http.Request, requestBody []byte, resp *http.Response, responseBody []byte) {
	t.Helper()
	if err := v.check(req, resp, responseBody); err != nil {
		t.Errorf("%s %s was answered %d, which is not as the OpenAPI document says: %v\nsent: %s\ngot: %s",
			req.Method, req.URL.Path, resp.StatusCode, err, excerpt(requestBody), excerpt(responseBody))
	}
}

func (v *Validator) check(req *http.Request, resp *http.Response, body []byte) error {
	head := req.Method == http.MethodHead
	if head {
		req = req.Clone(req.Context())
		req.Method = http.MethodGet
	}
	route, err := v.route(req)
	if err != nil {
		return err
	}
	// The library lets an undescribed 301, 304, 307 or 308 pass whatever its options.
	if route.Operation.Responses.Status(resp.StatusCode) == nil {
		return fmt.Errorf("%d is not described", resp.StatusCode)
	}
	// The library reads the first JSON value of a body and ignores what comes behind it.
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); !head && kind == "application/json" && !json.Valid(body) {
		return errors.New("the body is not one JSON value")
	}
	options := openapi3filter.Options{ExcludeResponseBody: head, SchemaValidationOptions: formats}
	// Without the schema and the value that did not match: the place says it, and the body is shown once.
	options.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string { return err.Reason })
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route},
		Status:                 resp.StatusCode,
		Header:                 resp.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &options,
	})
}

// route finds the operation that the request asks for, or what stands for it where there is none.
func (v *Validator) route(req *http.Request) (*routers.Route, error) {
	route, _, err := v.router.FindRoute(req)
	if err == nil {
		return route, nil
	}
	f := v.unlimited
	if strings.HasPrefix(req.URL.Path, "/api/v1/") && req.URL.Path != "/api/v1/health" {
		f = v.limited
	}
	switch {
	case errors.Is(err, routers.ErrPathNotFound):
		return f.notFound, nil
	case errors.Is(err, routers.ErrMethodNotAllowed):
		return f.methodNotAllowed, nil
	default:
		return nil, err
	}
}

// formats are those of the document that the library does not check by itself.
var formats = []openapi3.SchemaValidationOption{
	openapi3.WithStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(
		`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)),
	openapi3.WithStringFormatValidator("uri", openapi3.NewCallbackValidator(func(s string) error {
		if u, err := url.Parse(s); err != nil || !u.IsAbs() {
			return fmt.Errorf("%q is not an absolute URI", s)
		}
		return nil
	})),
}

func excerpt(body []byte) []byte {
	const limit = 2000
	if len(body) > limit {
		return append(bytes.Clone(body[:limit]), "…"...)
	}
	return body
}
