package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// failure is an answer other than success. Handlers return it as their error.
type failure struct {
	status  int
	message string
	code    string
	body    []byte
	header  map[string]string // beside the usual ones
}

// Error gives the message.
func (f *failure) Error() string { return f.message }

// member is a member of an answer whose value is a string.
type member struct{ name, value string }

// newFailure makes {"success":false,"message":…} with more members behind it.
func newFailure(status int, message string, members ...member) *failure {
	b := appendString([]byte(`{"success":false,"message":`), message)
	f := &failure{status: status, message: message}
	for _, m := range members {
		b = appendString(append(b, ','), m.name)
		b = appendString(append(b, ':'), m.value)
		if m.name == "code" {
			f.code = m.value
		}
	}
	b = append(b, '}')
	f.body = b
	return f
}

// with gives a copy of the failure that has one header more.
func (f *failure) with(name, value string) *failure {
	more := *f
	more.header = map[string]string{name: value}
	return &more
}

// newTokenFailure makes a 401 in the shape that those with a code have.
func newTokenFailure(code, message string) *failure {
	b := appendString([]byte(`{"error":`), code)
	b = appendString(append(b, `,"message":`...), message)
	return asksForToken(&failure{status: http.StatusUnauthorized, message: message, body: append(b, `,"status_code":401}`...)})
}

// lacksScope makes the 403 of a token without the scopes that a call needs, in the shape of the 401s beside it, with what
// RFC 6750, section 3.1, wants of it. The scopes are no secret: they stand in the document.
func lacksScope(needed, has carteiro.Scopes) *failure {
	message := fmt.Sprintf(msgLacksScope, strings.Join((needed&^has).Names(), " and "))
	b := appendString([]byte(`{"error":`), codeLacksScope)
	b = appendString(append(b, `,"message":`...), message)
	f := &failure{status: http.StatusForbidden, message: message, body: append(b, `,"status_code":403}`...)}
	return f.with("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q`, strings.Join(needed.Names(), " ")))
}

// asksForToken adds what RFC 9110, section 15.5.2, wants of every 401.
func asksForToken(f *failure) *failure { return f.with("WWW-Authenticate", "Bearer") }

var (
	errMissingToken = asksForToken(&failure{
		status:  http.StatusUnauthorized,
		message: msgMissingToken,
		body:    append(appendString([]byte(`{"message":`), msgMissingToken), '}'),
	})
	errInvalidToken        = newTokenFailure(codeInvalidToken, msgInvalidToken)
	errExpiredToken        = newTokenFailure(codeExpiredToken, msgExpiredToken)
	errWebhookNotFound     = newFailure(http.StatusNotFound, msgWebhookNotFound)
	errLogNotFound         = newFailure(http.StatusNotFound, msgLogNotFound)
	errEventNotFound       = newFailure(http.StatusNotFound, msgEventNotFound)
	errBulkNotFound        = newFailure(http.StatusNotFound, msgBulkNotFound)
	errVersionConflict     = newFailure(http.StatusPreconditionFailed, msgVersionConflict, member{"code", codeVersionConflict})
	errEnvironmentMismatch = newFailure(http.StatusConflict, msgEnvironmentMismatch, member{"code", codeEnvironmentMismatch})
	errBulkOpen            = newFailure(http.StatusConflict, msgBulkOpen, member{"code", codeBulkOpen})
	errCountChanged        = newFailure(http.StatusConflict, msgCountChanged, member{"code", codeCountChanged})
	errBulkEnded           = newFailure(http.StatusConflict, msgBulkEnded, member{"code", codeBulkEnded})
	errWebhookDisabled     = newFailure(http.StatusUnprocessableEntity, msgWebhookOff, member{"code", codeWebhookOff})
	errTooManyStreams      = newFailure(http.StatusTooManyRequests, msgTooManyStreams, member{"code", codeTooMany}).with("Retry-After", "30")
	errTokenStreams        = newFailure(http.StatusTooManyRequests, msgTokenStreams, member{"code", codeTooMany}).with("Retry-After", "30")
	errCrossOrigin         = newFailure(http.StatusForbidden, msgCrossOrigin, member{"code", codeCrossOrigin})
	errNoRoute             = newFailure(http.StatusNotFound, msgNoRoute)
	errInvalidJSON         = newFailure(http.StatusBadRequest, msgInvalidJSON)
	errTooDeep             = newFailure(http.StatusBadRequest, fmt.Sprintf(msgBodyTooDeep, maxDepth))
	errURLTooLong          = newFailure(http.StatusRequestURITooLong, fmt.Sprintf(msgURLTooLong, MaxURL))
	errHeadersTooLarge     = newFailure(http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf(msgHeadersTooLarge, MaxHeaders))
	errNotCloudEvent       = newFailure(http.StatusUnsupportedMediaType, msgNotCloudEvent)
	errKeyReused           = newFailure(http.StatusConflict, msgKeyReused, member{"code", codeKeyReused})
	errUnavailable         = newFailure(http.StatusServiceUnavailable, msgUnavailable, member{"code", codeUnavailable}).with("Retry-After", "5")
	errBusy                = newFailure(http.StatusServiceUnavailable, msgBusy, member{"code", codeBusy}).with("Retry-After", "1")
	errEnvironmentNotFound = newFailure(http.StatusNotFound, msgEnvironmentNotFound)
	errEnvironmentInUse    = newFailure(http.StatusConflict, msgEnvironmentInUse, member{"code", codeEnvironmentInUse})
	errTokenNotFound       = newFailure(http.StatusNotFound, msgTokenNotFound)
	errTokenReplaced       = newFailure(http.StatusConflict, msgTokenReplaced, member{"code", codeTokenReplaced})
)

func bodyTooLarge(limit int) *failure {
	// What is left of the body is not worth reading.
	return newFailure(http.StatusRequestEntityTooLarge, fmt.Sprintf(msgBodyTooLarge, limit)).with("Connection", "close")
}

func payloadTooLarge(limit int) *failure {
	return newFailure(http.StatusRequestEntityTooLarge, fmt.Sprintf(msgPayloadTooLarge, limit))
}

func renderedTooLarge(limit int) *failure {
	return newFailure(http.StatusRequestEntityTooLarge, fmt.Sprintf(msgRenderedTooLarge, limit))
}

func tooManyWebhooks(k *ownerRoutes, limit int) *failure {
	return newFailure(http.StatusConflict, fmt.Sprintf(k.messages.tooManyWebhooks, limit), member{"code", codeTooManyWebhooks})
}

func methodNotAllowed(allow string) *failure {
	return newFailure(http.StatusMethodNotAllowed, msgMethodNotAllowed).with("Allow", allow)
}

func rateLimited(wait time.Duration) *failure {
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	return newFailure(http.StatusTooManyRequests, msgRateLimited, member{"code", codeRateLimited}).with("Retry-After", strconv.Itoa(seconds))
}

func notRetriable(reason carteiro.NotRetriable) *failure {
	return newFailure(http.StatusUnprocessableEntity, msgNotRetriable, member{"code", codeNotRetriable},
		member{"reason", string(reason)})
}

func testFailed(cause string) *failure {
	return newFailure(http.StatusUnprocessableEntity, msgTestFailed+cause)
}

// missing turns the store's "not found" into that of the thing that was looked for.
func missing(err error, thing *failure) error {
	if errors.Is(err, store.ErrNotFound) {
		return thing
	}
	return err
}

// failureOf says how an error is answered; internal says that it is our own fault, and to be logged.
func failureOf(err error, requestID string) (f *failure, internal bool) {
	var invalid *faults
	switch {
	case errors.As(err, &f):
		return f, false
	case errors.As(err, &invalid):
		return invalid.failure(), false
	case errors.Is(err, publish.ErrKeyReused), errors.Is(err, store.ErrKeyReused):
		return errKeyReused, false
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrLeaseLost):
		return errUnavailable, true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errUnavailable, false // the client has gone, or the server is stopping
	case errors.Is(err, budget.ErrShare), errors.Is(err, budget.ErrFull):
		return failureOf(refusedMemory(err), requestID)
	default:
		return newFailure(http.StatusInternalServerError, msgInternal, member{"request_id", requestID}), true
	}
}
