// Package carteiro is the vocabulary of a self-hosted webhook delivery server: environments, agents, campaigns,
// webhooks, events, attempts and outcomes, the catalogue of event types and the retry policy. It knows no database,
// no HTTP and nothing outside the standard library; every other room of the house speaks in its terms.
package carteiro
