package client

import "context"

// contextKey is of what a context adds to the headers of a call.
type contextKey int

const (
	versionKey contextKey = iota
	idempotencyKey
	absentKey
)

// IfVersion gives a context under which a webhook is changed only if it has this version. Otherwise the call does nothing
// and fails with [CodeVersionConflict]. Calls that change no webhook are not affected.
func IfVersion(ctx context.Context, version int64) context.Context {
	return context.WithValue(ctx, versionKey, version)
}

// WithIdempotencyKey gives a context under which a call that creates or starts something is safe to repeat: within 24
// hours the same call with the same key gives the first answer again, without generated secrets, and does nothing twice. A key is for one call. A key
// that the call itself takes goes before it.
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, idempotencyKey, key)
}

// IfAbsent returns a context under which [Client.PutAgent] and [Client.PutCampaign] only create. If the id exists, the call
// changes nothing and fails with [CodeAlreadyExists]. Other calls are not affected.
func IfAbsent(ctx context.Context) context.Context {
	return context.WithValue(ctx, absentKey, true)
}
