package carteiro_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestATraceParentIsVersion00InLowerCaseAndNotZero(t *testing.T) {
	trace, span := "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for text, want := range map[string]bool{
		"00-" + trace + "-" + span + "-01":                    true,
		"00-" + trace + "-" + span + "-00":                    true,
		"00-" + strings.Repeat("f", 32) + "-" + span + "-ff":  true,
		"00-" + strings.Repeat("0", 31) + "9-" + span + "-01": true,
		"":                                                    false,
		"00-" + trace + "-" + span + "-0":                     false,
		"00-" + trace + "-" + span + "-01-":                   false,
		"01-" + trace + "-" + span + "-01":                    false,
		"00_" + trace + "-" + span + "-01":                    false,
		"00-" + trace + "_" + span + "-01":                    false,
		"00-" + trace + "-" + span + "_01":                    false,
		"00-" + strings.ToUpper(trace) + "-" + span + "-01":   false,
		"00-" + trace[1:] + "/-" + span + "-01":               false,
		"00-" + trace[1:] + ":-" + span + "-01":               false,
		"00-" + trace[1:] + "`-" + span + "-01":               false,
		"00-" + trace[1:] + "g-" + span + "-01":               false,
		"00-" + trace + "-" + span[1:] + "x-01":               false,
		"00-" + trace + "-" + span + "-0x":                    false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01":  false,
		"00-" + trace + "-" + strings.Repeat("0", 16) + "-01": false,
	} {
		if got := carteiro.ValidTraceParent(text); got != want {
			t.Errorf("%q is valid: %v", text, got)
		}
	}
}

func TestATokenOwnsItsNameUntilItIsReplacedOrExpires(t *testing.T) {
	id := new(carteiro.IDSource).New(noon)
	for name, test := range map[string]struct {
		token carteiro.Token
		want  bool
	}{
		"one that never expires": {carteiro.Token{Name: "ci"}, true},
		"one that expires later": {carteiro.Token{Name: "ci", ExpiresAt: noon.Add(1)}, true},
		"one that expires now":   {carteiro.Token{Name: "ci", ExpiresAt: noon}, false},
		"one that was replaced":  {carteiro.Token{Name: "ci", ReplacedBy: id}, false},
		"one of another name":    {carteiro.Token{Name: "other"}, false},
		"another, and replaced":  {carteiro.Token{Name: "other", ReplacedBy: id}, false},
	} {
		if got := test.token.Owns("ci", noon); got != test.want {
			t.Errorf("%s owns it: %v", name, got)
		}
	}
	a, b := carteiro.HashToken("a"), carteiro.HashToken("b")
	if !a.Equal(carteiro.HashToken("a")) || a.Equal(b) || a.IsZero() || !(carteiro.TokenHash{}).IsZero() {
		t.Error("hashes do not tell tokens apart")
	}
}

func TestAnEnvironmentOwnsItsOperatorsWebhooks(t *testing.T) {
	e := carteiro.Environment{ID: new(carteiro.IDSource).New(noon), Name: "production", CreatedAt: noon}
	want := carteiro.Owner{Kind: carteiro.OwnerEnvironment, ID: e.ID, EnvironmentID: e.ID, Name: "production", CreatedAt: noon, UpdatedAt: noon}
	if got := e.Owner(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	types := carteiro.NewCatalogue(nil, nil).Types(carteiro.OwnerEnvironment)
	for _, name := range []string{"webhook.error", "webhook.recovered", "webhook.disabled", "delivery.exhausted"} {
		if !carteiro.NewCatalogue(nil, nil).Has(carteiro.OwnerEnvironment, name) {
			t.Errorf("an environment's webhooks cannot subscribe to %s, only to %v", name, types)
		}
	}
}

func TestAnAttemptIsARetryBehindTheFirstOfItsChain(t *testing.T) {
	for number, want := range map[int]bool{3: false, 4: true} {
		if got := (&carteiro.Attempt{Number: number, ChainStart: 3}).IsRetry(); got != want {
			t.Errorf("attempt %d of a chain from 3 is a retry: %v", number, got)
		}
	}
}

func TestAnOutcomeSaysWhetherAndWhenItWasSent(t *testing.T) {
	if s := (&carteiro.Outcome{Success: true}).Status(); s != carteiro.StatusSuccess {
		t.Errorf("a success is %q", s)
	}
	if s := (&carteiro.Outcome{}).Status(); s != carteiro.StatusFailed {
		t.Errorf("a failure is %q", s)
	}
	const took = 1500*time.Microsecond + 700
	for reason, want := range map[carteiro.Reason]time.Time{
		carteiro.ReasonNone: noon.Add(-1501 * time.Microsecond), carteiro.ReasonTimeout: noon.Add(-1501 * time.Microsecond),
		carteiro.ReasonBlocked: {}, carteiro.ReasonInvalidRequest: {}, carteiro.ReasonWebhookDisabled: {}, carteiro.ReasonWebhookDeleted: {},
	} {
		if got := (&carteiro.Outcome{Reason: reason, FinishedAt: noon, Duration: took}).SentAt(); got != want {
			t.Errorf("%q was sent at %v, want %v", reason, got, want)
		}
		if got := (&carteiro.Outcome{Reason: reason, FinishedAt: noon}).SentAt(); !got.IsZero() {
			t.Errorf("%q, of which nothing was sent, was sent at %v", reason, got)
		}
	}
}

func TestABulkRetryKnowsWhatIsLeft(t *testing.T) {
	job := carteiro.BulkRetry{
		Status: carteiro.BulkRunning, Matched: 100, Retried: 10,
		Skipped: carteiro.BulkSkips{AlreadySucceeded: 1, InProgress: 2, TooOld: 4, RetriedSince: 8},
	}
	if got := job.Remaining(); got != 75 {
		t.Errorf("%d remain, want 75", got)
	}
	job.Matched = 20 // more came to match than did when it was created
	if got := job.Remaining(); got != 0 {
		t.Errorf("%d remain, want none", got)
	}
	job.Matched, job.Status = 100, carteiro.BulkDone
	if got := job.Remaining(); got != 0 {
		t.Errorf("%d of a job that is done remain", got)
	}
	for status, want := range map[carteiro.BulkStatus]bool{
		carteiro.BulkQueued: false, carteiro.BulkRunning: false, carteiro.BulkPaused: false, carteiro.BulkCancelled: true, carteiro.BulkDone: true,
	} {
		if status.Ended() != want {
			t.Errorf("a job that is %s has ended: %v", status, !want)
		}
	}
	for status, want := range map[int]bool{499: false, 500: true, 599: true, 600: false} {
		if got := (carteiro.StatusRange{Min: 500, Max: 599}).Has(status); got != want {
			t.Errorf("5xx has %d: %v", status, got)
		}
	}
}

func TestAnAuditEntryTellsWhatChanged(t *testing.T) {
	long := strings.Repeat("x", carteiro.MaxAudited-2) // and two quotes
	for name, test := range map[string]struct {
		before, after any
		want          string
	}{
		"a value":             {"a", "b", `"a" "b"`},
		"a new one":           {nil, 1, " 1"},
		"one that is gone":    {1, nil, "1 "},
		"the longest":         {long, long, fmt.Sprintf("%q %q", long, long)},
		"too long before":     {long + "x", "b", " "},
		"too long after":      {"a", long + "x", " "},
		"what cannot be told": {"a", func() {}, `"a" `},
	} {
		c := carteiro.NewFieldChange("f", test.before, test.after)
		if got := string(c.Before) + " " + string(c.After); c.Field != "f" || got != test.want {
			t.Errorf("%s: %s %s, want %s", name, c.Field, got, test.want)
		}
	}
	ids := new(carteiro.IDSource)
	w := &carteiro.Webhook{ID: ids.New(noon), EnvironmentID: ids.New(noon), Name: "CRM", OwnerKind: carteiro.OwnerCampaign, OwnerID: ids.New(noon)}
	id := ids.New(noon)
	subject := carteiro.Subject{Kind: carteiro.SubjectWebhook, ID: w.ID, Name: "CRM", OwnerKind: w.OwnerKind, OwnerID: w.OwnerID}
	log := carteiro.Subject{Kind: carteiro.SubjectLog, ID: id, Name: "CRM", WebhookID: w.ID, OwnerKind: w.OwnerKind, OwnerID: w.OwnerID}
	if got := carteiro.SubjectOf(w, carteiro.SubjectLog, id); got != log {
		t.Errorf("the subject is %+v, want %+v", got, log)
	}
	want := &carteiro.AuditEntry{
		ID: id, EnvironmentID: w.EnvironmentID, Actor: carteiro.Actor{Kind: carteiro.ActorSystem, Name: "gone"},
		Action: carteiro.WebhookTurnedOff, Subject: subject,
		Changes: []carteiro.FieldChange{{Field: "enabled", Before: []byte("true"), After: []byte("false")}},
	}
	if got := carteiro.TurnedOff(w, id, "gone"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTheAuditLogTellsATokensScopesAndEnd(t *testing.T) {
	for end, want := range map[time.Time]string{
		{}:   `[{scopes  ["read"]}]`,
		noon: fmt.Sprintf(`[{scopes  ["read"]} {expires_at  %q}]`, noon.UTC().Format("2006-01-02T15:04:05.000000Z")),
	} {
		var got []string
		for _, c := range carteiro.TokenMade(&carteiro.Token{Scopes: carteiro.ScopeRead, ExpiresAt: end}) {
			got = append(got, fmt.Sprintf("{%s %s %s}", c.Field, c.Before, c.After))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := carteiro.AuditedTime(time.Time{}); got != nil {
		t.Errorf("no time is told as %v", got)
	}
}

func TestHeadersThatFrameOrProveARequestAreReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"Host": true, "content_LENGTH": true, "Webhook-Id": true, "webhook_signature": true, "X-Webhook-Timestamp": true, "svix-id": true,
		"Proxy-Authorization": true, "Proxy": true, "X-Tenant": false, "Webhook": false, "X-Host": false, "X-Svix-Id": false,
	} {
		if got := carteiro.ReservedHeader(name); got != want {
			t.Errorf("%s is reserved: %v", name, got)
		}
	}
}

func TestACircuitRampsOnlyWhileItIsClosed(t *testing.T) {
	for name, test := range map[string]struct {
		circuit carteiro.Circuit
		want    bool
	}{
		"one that never opened": {carteiro.Circuit{}, false},
		"one that just closed":  {carteiro.Circuit{ClosedAt: noon}, true},
		"one that opened again": {carteiro.Circuit{ClosedAt: noon, OpenedAt: noon}, false},
	} {
		if got := test.circuit.Ramping(noon); got != test.want {
			t.Errorf("%s ramps: %v", name, got)
		}
	}
}

func TestNoWaitsMeanNoDelay(t *testing.T) {
	if got := (carteiro.RetryPolicy{}).Delay(1, 0.5); got != 0 {
		t.Errorf("a policy without waits waits %v", got)
	}
	if _, err := carteiro.ParseRetrySchedule("720h"); err != nil {
		t.Errorf("the longest wait: %v", err)
	}
}
