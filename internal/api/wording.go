package api

import "strings"

// Every word that a client may compare stands in this file, once.

// Names of fields in bodies and queries.
const (
	fieldBody               = "body"  // the body as a whole
	fieldQuery              = "query" // the query string as a whole
	fieldName               = "name"
	fieldAgentID            = "agent_id"
	fieldCampaignID         = "campaign_id"
	fieldWebhookURL         = "webhook_url"
	fieldEvents             = "events"
	fieldWebhookSecret      = "webhook_secret"
	fieldSignatureScheme    = "signature_scheme"
	fieldGenerateSecret     = "generate_secret"
	fieldHeaderStyle        = "header_style"
	fieldOverlap            = "overlap"
	fieldTimeout            = "timeout"
	fieldMaxRetries         = "max_retries"
	fieldEnabled            = "enabled"
	fieldHTTPMethod         = "http_method"
	fieldScheme             = "authorization_scheme"
	fieldAuthorizationValue = "authorization_value"
	fieldCustomHeaders      = "custom_headers"
	fieldKey                = "key"
	fieldValue              = "value"
	fieldCredentialsSentTo  = "credentials_sent_to"
	fieldSecret             = "secret"
	fieldPayloadTemplates   = "payload_templates"
	fieldIncludeCallEvents  = "include_call_events"
	fieldEvent              = "event"
	fieldPayload            = "payload"
	fieldOccurredAt         = "occurred_at"
	fieldIdempotencyKey     = "idempotency_key"
	fieldPage               = "page"
	fieldPerPage            = "per_page"
	fieldSearch             = "search"
	fieldStatus             = "status"
	fieldEventID            = "event_id"
	fieldFrom               = "from"
	fieldTo                 = "to"
	fieldCursor             = "cursor"
	fieldToken              = "token"
	fieldPeriod             = "period"
	fieldHTTPStatus         = "http_status"
	fieldDryRun             = "dry_run"
	fieldExpected           = "expected"
	fieldPaused             = "paused"
	fieldEventIDs           = "event_ids"
	fieldUndelivered        = "undelivered"
	fieldReason             = "reason"
	fieldScopes             = "scopes"
	fieldExpiresAt          = "expires_at"
	fieldGrace              = "grace"
	fieldEnvironmentID      = "environment_id"
	fieldForce              = "force"
	fieldSubjectID          = "subject_id"
	fieldActor              = "actor"
	fieldAction             = "action"

	// Attributes of CloudEvents.
	fieldSpecVersion     = "specversion"
	fieldID              = "id"
	fieldSource          = "source"
	fieldType            = "type"
	fieldSubject         = "subject"
	fieldTime            = "time"
	fieldData            = "data"
	fieldDataBase64      = "data_base64"
	fieldDataContentType = "datacontenttype"
	fieldCloudAgent      = "agentid"
	fieldCloudCampaign   = "campaignid"
)

// What may be wrong with a field. The first %s is the field's name in words.
const (
	isRequired             = "The %s field is required."
	isUnknown              = "The %s field is unknown."
	isRequiredWithout      = "The %s field is required when %s is not present."
	isRequiredWhenScheme   = "The %s field is required when authorization scheme is %s."
	isRequiredWhenMoved    = "The %s field is required when scheme, host or port of the %s changes."
	isRequiredWhenSigning  = "The %s field is required when signature scheme is %s."
	mustBeString           = "The %s must be a string."
	mustBeArray            = "The %s must be an array."
	mustBeObject           = "The %s must be an object."
	mustBeInteger          = "The %s must be an integer."
	mustBeBoolean          = "The %s field must be true or false."
	isNotAllowedWith       = "The %s field is not allowed when %s is present."
	mustBeBetween          = "The %s must be between %d and %d."
	mustBeURL              = "The %s must be a valid URL."
	mustBeUUID             = "The %s must be a valid UUID."
	mustBeTime             = "The %s must be a valid RFC 3339 time."
	mustBeTemplate         = "The %s must be a valid template: %v."
	mustBeIdempotencyKey   = "The %s must be between 1 and %d printable ASCII characters."
	mustContainAtLeast     = "The %s field must contain at least %d items."
	mustContainAtMost      = "The %s field must contain at most %d items."
	mustNotBeLonger        = "The %s must not be greater than %d characters."
	mustNotBeLarger        = "The %s must not be greater than %d bytes."
	isNotAmongTheSelection = "The selected %s is invalid."
	mustBeginAnID          = "The %s must be a UUID or its first %d or more hexadecimal digits."
	mustBeCloudEvent       = "The %s must be a CloudEvent of version 1.0: %s."
	mustBeInFuture         = "The %s must be a time that is still to come."
	isTaken                = "The %s has already been taken."
	hasInvalidFormat       = "The %s format is invalid."
	mustHoldBytes          = "The %s must hold between %d and %d bytes behind whsec_."
	mustNotBeBoth          = "The %s field must not be present when %s is."
	isRotatedTooOften      = "The %s has been rotated %d times already within the overlap."
)

// inWords returns a field as messages name it: the name in words, but the path to a nested field as it is, because parts of it are
// names that the API or the caller compares, such as those of events.
func inWords(field string) string {
	if strings.Contains(field, ".") {
		return field
	}
	return strings.ReplaceAll(field, "_", " ")
}

// Messages of failures.
const (
	msgInvalidData         = "The given data was invalid."
	msgInvalidJSON         = "The request body is not valid JSON."
	msgBodyTooLarge        = "The request body must not be greater than %d bytes."
	msgBodyTooDeep         = "The request body must not hold more than %d objects and arrays inside one another."
	msgURLTooLong          = "The URL must not be longer than %d bytes."
	msgHeadersTooLarge     = "The request's headers must not be greater than %d bytes."
	msgPayloadTooLarge     = "The payload must not be greater than %d bytes."
	msgNotCloudEvent       = "The request is no CloudEvent: it needs the content type application/cloudevents+json or application/cloudevents-batch+json, or the header ce-specversion: 1.0."
	msgMissingToken        = "Missing Bearer Token"
	msgInvalidToken        = "Invalid or missing authentication token"
	msgExpiredToken        = "Authentication token has expired"
	msgLacksScope          = "Authentication token lacks the scope %s"
	msgWebhookNotFound     = "Webhook not found."
	msgLogNotFound         = "Log not found."
	msgEventNotFound       = "Event not found."
	msgNoRoute             = "Not found."
	msgMethodNotAllowed    = "Method not allowed."
	msgRateLimited         = "Rate limit exceeded. Please wait before making more requests."
	msgInternal            = "Internal server error"
	msgBusy                = "The server handles as many large requests as it has memory for. Please try again."
	msgUnavailable         = "The store is unavailable. The request may have been carried out or not; retry it with the same Idempotency-Key."
	msgRenderedTooLarge    = "The bodies that templates make of the event must not be greater than %d bytes in total."
	msgKeyReused           = "The idempotency key was already used with another request body."
	msgNotRetriable        = "Log cannot be retried"
	msgTestFailed          = "Webhook test failed: "
	msgTestDisabled        = "Webhook is disabled"
	msgWebhookOff          = "The webhook is disabled. Enable it first."
	msgBulkNotFound        = "Bulk retry not found."
	msgBulkOpen            = "This webhook has an open bulk retry already."
	msgCountChanged        = "Another number of entries matches than expected. Count again."
	msgBulkEnded           = "This bulk retry has ended."
	msgTooManyStreams      = "Too many streams are open in this environment."
	msgTokenStreams        = "Too many streams of deliveries are open with this token."
	msgCrossOrigin         = "Requests from other origins are refused."
	msgEnvironmentNotFound = "Environment not found."
	msgTokenNotFound       = "Token not found."
	msgVersionConflict     = "The webhook has been changed."
	msgEnvironmentMismatch = "The X-Environment-Id header names another environment than the token."
	msgEnvironmentInUse    = "The environment is in use. Delete it with force=true."
	msgTokenReplaced       = "The token has already been rotated."
)

// Codes of failures.
const (
	codeInvalidToken = "UNAUTHORIZED"
	codeExpiredToken = "TOKEN_EXPIRED"
	codeLacksScope   = "INSUFFICIENT_SCOPE"
	codeRateLimited  = "RATE_LIMIT_EXCEEDED"
	codeUnavailable  = "STORE_UNAVAILABLE"
	codeBusy         = "SERVER_BUSY"
	codeKeyReused    = "IDEMPOTENCY_KEY_REUSED"
	codeNotRetriable = "LOG_NOT_RETRIABLE"
	codeWebhookOff   = "WEBHOOK_DISABLED"
	codeBulkOpen     = "BULK_RETRY_OPEN"
	codeCountChanged = "COUNT_CHANGED"
	codeOwnerExists  = "ALREADY_EXISTS"
	codeBulkEnded    = "BULK_RETRY_ENDED"
	codeTooMany      = "STREAM_LIMIT_EXCEEDED"
	codeCrossOrigin  = "CROSS_ORIGIN"

	codeTooManyWebhooks = "WEBHOOK_LIMIT_EXCEEDED"

	// Of an item of a batch, where the single call has no code.
	codeInvalidJSON = "INVALID_JSON"
	codeInvalidData = "VALIDATION_FAILED"
	codeNotFound    = "NOT_FOUND"
	codeTooLarge    = "TOO_LARGE"
	codeInternal    = "INTERNAL_ERROR"

	codeVersionConflict     = "VERSION_CONFLICT"
	codeEnvironmentMismatch = "ENVIRONMENT_MISMATCH"
	codeTokenReplaced       = "TOKEN_REPLACED"
	codeEnvironmentInUse    = "ENVIRONMENT_IN_USE"
)

// Messages of success that agents and campaigns share.
const (
	msgWebhookEnabled     = "Webhook enabled"
	msgWebhookDisabled    = "Webhook disabled"
	msgTestSent           = "Test webhook sent successfully"
	msgTestDispatched     = "Test payload dispatched"
	msgEventAccepted      = "Event accepted"
	msgBatchAccepted      = "Batch accepted"
	msgBulkQueued         = "Bulk retry queued"
	msgReplayQueued       = "Replay queued"
	msgSignedOut          = "Signed out"
	msgRotated            = "Webhook secret rotated"
	msgEnvironmentCreated = "Environment created successfully"
	msgEnvironmentUpdated = "Environment updated successfully"
	msgEnvironmentDeleted = "Environment deleted successfully"
	msgTokenCreated       = "Token created successfully"
	msgTokenRevoked       = "Token revoked successfully" //nolint:gosec // a message, no credential
	msgTokenRotated       = "Token rotated successfully" //nolint:gosec // a message, no credential
)

// messages are those that differ between agents and campaigns. An empty one is left out of the answer.
type messages struct {
	notFound                                       string
	created, updated, deleted                      string
	webhookCreated, webhookUpdated, webhookDeleted string
	tooManyWebhooks                                string
	exists                                         string
	retryQueued                                    string
}

var agentMessages = messages{
	notFound:       "Agent not found in this environment.",
	created:        "Agent created successfully",
	updated:        "Agent updated successfully",
	deleted:        "Agent deleted successfully",
	webhookCreated: "Webhook created successfully",
	webhookUpdated: "Webhook updated successfully",
	webhookDeleted: "Webhook deleted successfully",

	exists:          "An agent with this id exists already.",
	tooManyWebhooks: "An agent may have at most %d webhooks.",

	retryQueued: "Webhook retry queued successfully",
}

var environmentMessages = messages{
	notFound:       "Environment not found.",
	webhookCreated: agentMessages.webhookCreated,
	webhookUpdated: agentMessages.webhookUpdated,
	webhookDeleted: agentMessages.webhookDeleted,

	tooManyWebhooks: "An environment may have at most %d webhooks of its own.",

	retryQueued: agentMessages.retryQueued,
}

var campaignMessages = messages{
	notFound:       "Campaign not found in this environment.",
	created:        "Campaign created successfully",
	updated:        "Campaign updated successfully",
	deleted:        "Campaign deleted successfully",
	webhookDeleted: "Campaign webhook deleted",

	exists:          "A campaign with this id exists already.",
	tooManyWebhooks: "A campaign may have at most %d webhooks.",

	retryQueued: "Webhook retry queued",
}
