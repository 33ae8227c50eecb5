package api

import (
	"github.com/carteiro/carteiro"
)

// statusReason says why a webhook's status is "error", and what is done about it.
type statusReason struct {
	Rule      string    `json:"rule"`
	Failures  int       `json:"failures"`
	Threshold int       `json:"threshold"`
	LastError string    `json:"last_error"`
	Since     timestamp `json:"since,omitzero"`
	// Of the circuit.
	InErrorSince timestamp `json:"in_error_since"`
	Probes       int       `json:"probes"`
	NextProbeAt  timestamp `json:"next_probe_at"`
}

// ruleFailures is the one rule that there is.
const ruleFailures = "failures_in_a_row"

func showStatusReason(w *carteiro.Webhook) *statusReason {
	if w.Status() != carteiro.WebhookError {
		return nil
	}
	return &statusReason{
		Rule: ruleFailures, Failures: w.FailuresInARow, Threshold: carteiro.FailuresForError,
		LastError: w.LastError, Since: timestamp(w.FailingSince),
		InErrorSince: timestamp(w.Circuit.OpenedAt), Probes: w.Circuit.Probes, NextProbeAt: timestamp(w.Circuit.ProbeAt),
	}
}

// disabledReason says why a webhook is disabled that nobody has disabled.
type disabledReason struct {
	Rule         carteiro.DisabledBy `json:"rule"`
	DisabledAt   timestamp           `json:"disabled_at"`
	LastError    string              `json:"last_error,omitempty"`
	InErrorSince timestamp           `json:"in_error_since,omitzero"`
}

func showDisabledReason(w *carteiro.Webhook) *disabledReason {
	if w.Enabled || w.DisabledBy == carteiro.DisabledByUser {
		return nil
	}
	return &disabledReason{
		Rule: w.DisabledBy, DisabledAt: timestamp(w.DisabledAt), LastError: w.LastError, InErrorSince: timestamp(w.Circuit.OpenedAt),
	}
}
