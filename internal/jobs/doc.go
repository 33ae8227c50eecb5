// Package jobs runs the background work of a node: bulk retries and replays ([BulkRunner]), operator events ([Notifier]),
// deletion of expired rows ([Purger]), cleanup after deleted webhooks and environments ([Cleaner]), disabling webhooks
// that keep failing ([Disabler]), and re-encryption of secrets ([Reseal]).
//
// Every node runs every job. The store coordinates them, so that they survive restarts and never do the same work twice.
package jobs
