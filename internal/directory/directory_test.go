package directory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/store"
)

var (
	ids    carteiro.IDSource
	begin  = time.Date(2025, 9, 3, 12, 0, 0, 0, time.UTC)
	here   = ids.New(begin)
	agent  = store.OwnerRef{EnvironmentID: here, Kind: carteiro.OwnerAgent, ID: ids.New(begin)}
	spring = store.OwnerRef{EnvironmentID: here, Kind: carteiro.OwnerCampaign, ID: ids.New(begin)}
)

// registry is a store of webhooks that counts what is read of it. The verbs it does not have are not called.
type registry struct {
	directory.Store
	owners   map[store.OwnerRef]carteiro.Owner
	webhooks map[carteiro.ID]*carteiro.Webhook
	tokens   map[carteiro.TokenHash]carteiro.Token
	reads    int
	conflict int // how many more updates are to find that someone else was quicker
	reading  func()
	cleans   []carteiro.ID // webhooks that were cleaned, in order
	work     int           // how many transactions it takes to clean each
}

func newRegistry(webhooks ...*carteiro.Webhook) *registry {
	r := &registry{
		owners: map[store.OwnerRef]carteiro.Owner{
			agent:  {Kind: agent.Kind, ID: agent.ID, EnvironmentID: here, Name: "Ana"},
			spring: {Kind: spring.Kind, ID: spring.ID, EnvironmentID: here, Name: "Spring"},
		},
		webhooks: make(map[carteiro.ID]*carteiro.Webhook),
		tokens:   make(map[carteiro.TokenHash]carteiro.Token),
	}
	for _, w := range webhooks {
		r.webhooks[w.ID] = w
	}
	return r
}

func (r *registry) read() {
	r.reads++
	if r.reading != nil {
		r.reading()
	}
}

func (r *registry) GetOwner(_ context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	r.read()
	owner, ok := r.owners[ref]
	if !ok {
		return owner, store.ErrNotFound
	}
	return owner, nil
}

func (r *registry) ListWebhooks(_ context.Context, ref store.OwnerRef) (list []*carteiro.Webhook, _ error) {
	for _, w := range r.webhooks {
		if w.OwnerKind == ref.Kind && w.OwnerID == ref.ID && !w.Deleted() {
			list = append(list, w)
		}
	}
	return list, nil
}

func (r *registry) GetWebhook(_ context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	w, ok := r.webhooks[id]
	r.read()
	if !ok {
		return nil, store.ErrNotFound
	}
	return w, nil
}

func (r *registry) UpdateWebhook(_ context.Context, p store.UpdateWebhook) error {
	w := p.Webhook
	if r.conflict > 0 {
		r.conflict--
		return store.ErrConflict
	}
	w.Version++
	r.webhooks[w.ID] = w
	return nil
}

func (r *registry) CreateWebhook(_ context.Context, p store.CreateWebhook) error {
	r.webhooks[p.Webhook.ID] = p.Webhook
	return nil
}

func (r *registry) DeleteOwner(_ context.Context, p store.DeleteOwner) (marked []carteiro.ID, _ error) {
	delete(r.owners, p.OwnerRef)
	for id, w := range r.webhooks {
		if w.OwnerID == p.ID {
			gone := *w
			gone.DeletedAt = p.Now
			r.webhooks[id] = &gone
			marked = append(marked, id)
		}
	}
	return marked, nil
}

// CleanDeleted has three transactions of work for each webhook.
func (r *registry) CleanDeleted(_ context.Context, p store.CleanDeleted) (store.CleanedDeleted, error) {
	r.cleans = append(r.cleans, p.WebhookID)
	n := 0
	for _, id := range r.cleans {
		if id == p.WebhookID {
			n++
		}
	}
	return store.CleanedDeleted{WebhookID: p.WebhookID, Finished: p.Limit, More: n < r.work}, nil
}

func TestADeletionFinishesWhatIsQueuedWithinBounds(t *testing.T) {
	for _, c := range []struct{ work, want int }{{0, 2}, {3, 6}, {1000, 60}} {
		one, other := webhook(agent), webhook(agent)
		r := newRegistry(one, other)
		r.work = c.work
		d := directory.New(r, false)
		ctx, cancel := context.WithCancel(t.Context())
		remove := func(w *carteiro.Webhook) error {
			w.DeletedAt = begin
			cancel() // the client is gone: what it asked for is finished all the same
			return nil
		}
		if _, err := d.ChangeWebhook(ctx, agent, one.ID, remove, nil); err != nil {
			t.Fatal(err)
		}
		if len(r.cleans) != min(60, max(1, c.work)) {
			t.Errorf("deleting a webhook with %d transactions of work took %d", c.work, len(r.cleans))
		}
		one.DeletedAt, r.cleans = time.Time{}, nil
		r.webhooks[one.ID] = one
		if err := d.DeleteOwner(ctx, store.DeleteOwner{OwnerRef: agent, Now: begin}); err != nil {
			t.Fatal(err)
		}
		if len(r.cleans) != c.want {
			t.Errorf("deleting an agent with %d transactions of work for each of two webhooks took %d, want %d", c.work, len(r.cleans), c.want)
		}
	}
}

func (r *registry) FindToken(_ context.Context, hash carteiro.TokenHash) (carteiro.Token, error) {
	r.read()
	token, ok := r.tokens[hash]
	if !ok {
		return token, store.ErrNotFound
	}
	return token, nil
}

func webhook(owner store.OwnerRef, change ...func(*carteiro.Webhook)) *carteiro.Webhook {
	w := &carteiro.Webhook{
		ID: ids.New(begin), EnvironmentID: here, OwnerKind: owner.Kind, OwnerID: owner.ID, Name: "CRM", Enabled: true,
		Events: []string{"event_action", "campaign.started"}, Version: 1,
	}
	for _, c := range change {
		c(w)
	}
	return w
}

func TestRecipientsAreFoundWithoutReadingTheStoreAgain(t *testing.T) {
	r := newRegistry(webhook(agent))
	d := directory.New(r, false)
	for range 10 {
		to, err := d.Recipients(t.Context(), agent, carteiro.ID{}, "event_action")
		if err != nil || len(to.Webhooks) != 1 || to.Owner.Name != "Ana" {
			t.Fatalf("%+v, %v", to, err)
		}
	}
	if r.reads != 1 {
		t.Errorf("the store was read %d times", r.reads)
	}
}

func TestACallsEventReachesTheAgentAndTheCampaignThatIncludesCalls(t *testing.T) {
	agents := webhook(agent)
	includes := webhook(spring, func(w *carteiro.Webhook) { w.IncludeCallEvents = true })
	without := webhook(spring)
	d := directory.New(newRegistry(agents, includes, without), false)
	to, err := d.Recipients(t.Context(), agent, spring.ID, "event_action")
	if err != nil || len(to.Webhooks) != 2 || to.Campaign.Name != "Spring" {
		t.Errorf("%+v, %v", to, err)
	}
	to, err = d.Recipients(t.Context(), spring, carteiro.ID{}, "campaign.started")
	if err != nil || len(to.Webhooks) != 2 || !to.Campaign.ID.IsZero() {
		t.Errorf("%+v, %v", to, err)
	}
}

func TestWhatIsNotThereIsToldApart(t *testing.T) {
	d := directory.New(newRegistry(), false)
	nobody := agent
	nobody.ID = ids.New(begin)
	if _, err := d.Recipients(t.Context(), nobody, carteiro.ID{}, "event_action"); !errors.Is(err, directory.ErrOwnerNotFound) {
		t.Error(err)
	}
	if _, err := d.Recipients(t.Context(), agent, nobody.ID, "event_action"); !errors.Is(err, directory.ErrCampaignNotFound) {
		t.Error(err)
	}
	if _, err := d.Webhook(t.Context(), nobody.ID); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func TestAChangeHoldsAtOnce(t *testing.T) {
	w := webhook(agent)
	r := newRegistry(w)
	d := directory.New(r, false)
	wanted := func() int {
		t.Helper()
		to, err := d.Recipients(t.Context(), agent, carteiro.ID{}, "event_action")
		if err != nil {
			t.Fatal(err)
		}
		return len(to.Webhooks)
	}
	if n := wanted(); n != 1 {
		t.Fatalf("%d recipients", n)
	}
	disable := func(w *carteiro.Webhook) error { w.Enabled = false; return nil }
	if _, err := d.ChangeWebhook(t.Context(), agent, w.ID, disable, nil); err != nil {
		t.Fatal(err)
	}
	if now, err := d.Webhook(t.Context(), w.ID); err != nil || now.Enabled || wanted() != 0 {
		t.Errorf("disabled: %+v, %v", now, err)
	}
	if err := d.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: webhook(agent)}); err != nil || wanted() != 1 {
		t.Errorf("created: %v", err)
	}
	if err := d.DeleteOwner(t.Context(), store.DeleteOwner{OwnerRef: agent, Now: begin}); err != nil {
		t.Fatal(err)
	}
	if now, err := d.Webhook(t.Context(), w.ID); err != nil || !now.Deleted() {
		t.Errorf("owner deleted: %+v, %v", now, err)
	}
}

func (r *registry) RenameEnvironment(_ context.Context, p store.RenameEnvironment) (carteiro.Environment, error) {
	environment := carteiro.Environment{ID: p.ID, Name: p.Name}
	owner := environment.Owner()
	r.owners[store.OwnerRef{EnvironmentID: p.ID, Kind: owner.Kind, ID: owner.ID}] = owner
	return environment, nil
}

func TestARenamedEnvironmentHasItsNewNameAtOnce(t *testing.T) {
	r := newRegistry()
	d := directory.New(r, false)
	own := store.OwnerRef{EnvironmentID: here, Kind: carteiro.OwnerEnvironment, ID: here}
	for _, name := range []string{"staging", "production"} {
		if _, err := d.RenameEnvironment(t.Context(), store.RenameEnvironment{ID: here, Name: name}); err != nil {
			t.Fatal(err)
		}
		to, err := d.Recipients(t.Context(), own, carteiro.ID{}, carteiro.WebhookErrorEvent)
		if err != nil || to.Owner.Name != name {
			t.Errorf("operator events carry the name %q, want %q, %v", to.Owner.Name, name, err)
		}
	}
}

func TestAReadThatAChangeOvertookIsMadeAgain(t *testing.T) {
	w := webhook(agent)
	r := newRegistry(w)
	d := directory.New(r, false)
	r.reading = func() { // between reading the old webhook and caching it
		r.reading = nil
		changed := *w
		changed.Enabled = false
		r.webhooks[w.ID] = &changed
		d.Forget(w)
	}
	for range 2 {
		if now, err := d.Webhook(t.Context(), w.ID); err != nil || now.Enabled {
			t.Errorf("%+v, %v", now, err)
		}
	}
}

func TestAChangeIsTriedAgainWhenSomeoneElseWasQuicker(t *testing.T) {
	w := webhook(agent)
	r := newRegistry(w)
	r.conflict = 3
	rename := func(w *carteiro.Webhook) error { w.Name = "ERP"; return nil }
	got, err := directory.New(r, false).ChangeWebhook(t.Context(), agent, w.ID, rename, nil)
	if err != nil || got.Name != "ERP" || w.Name != "CRM" {
		t.Errorf("%+v, %v; what was read is now called %s", got, err, w.Name)
	}
	r.conflict = 1000
	again := func(w *carteiro.Webhook) error { w.Name = "Shop"; return nil }
	if _, err := directory.New(r, false).ChangeWebhook(t.Context(), agent, w.ID, again, nil); !errors.Is(err, store.ErrConflict) {
		t.Error(err)
	}
}

func TestAWebhookIsChangedOnlyThroughItsOwner(t *testing.T) {
	w := webhook(agent)
	d := directory.New(newRegistry(w), false)
	elsewhere := agent
	elsewhere.EnvironmentID = ids.New(begin)
	for name, owner := range map[string]store.OwnerRef{
		"of a campaign": spring, "of another environment": elsewhere,
		"of another agent":                  {EnvironmentID: here, Kind: carteiro.OwnerAgent, ID: ids.New(begin)},
		"of a campaign with the agent's id": {EnvironmentID: here, Kind: carteiro.OwnerCampaign, ID: agent.ID},
	} {
		_, err := d.ChangeWebhook(t.Context(), owner, w.ID, func(*carteiro.Webhook) error { return nil }, nil)
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatOthersChangeHoldsWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := webhook(agent)
		r := newRegistry(w)
		secret := carteiro.HashToken("talq_x")
		r.tokens[secret] = carteiro.Token{EnvironmentID: here}
		alone, among := directory.New(r, false), directory.New(r, true)
		for _, d := range []*directory.Directory{alone, among} {
			if _, err := d.Webhook(t.Context(), w.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Token(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
		}
		changed := *w
		changed.Enabled = false
		r.webhooks[w.ID] = &changed
		delete(r.tokens, secret)
		<-time.After(directory.Freshness)
		if now, err := among.Webhook(t.Context(), w.ID); err != nil || now.Enabled {
			t.Errorf("%+v, %v", now, err)
		}
		for _, d := range []*directory.Directory{alone, among} { // tokens are rotated beside a lone server too
			if _, err := d.Token(t.Context(), secret); !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
		}
		reads := r.reads
		if now, err := alone.Webhook(t.Context(), w.ID); err != nil || !now.Enabled || r.reads != reads {
			t.Error("a lone server reads again what nobody else can have changed")
		}
	})
}

func TestAWebhookThatWasSeenInANewerVersionIsReadAgain(t *testing.T) {
	w := webhook(agent)
	w.Version = 3
	r := newRegistry(w)
	d := directory.New(r, false)
	read := func() int64 {
		t.Helper()
		got, err := d.Webhook(t.Context(), w.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.Version
	}
	read()
	changed := *w
	changed.Version = 4
	r.webhooks[w.ID] = &changed
	d.Seen(w.ID, 3, false)
	if got := read(); got != 3 || r.reads != 1 {
		t.Errorf("version %d after %d reads, though nobody has seen a newer one", got, r.reads)
	}
	d.Seen(w.ID, 4, false)
	if got := read(); got != 4 {
		t.Errorf("version %d", got)
	}
	reads := r.reads
	d.Seen(w.ID, 4, true)
	if read(); r.reads == reads {
		t.Error("a webhook whose circuit was seen open is still given as it was")
	}
	// One that is being read when a newer version is seen is not kept.
	other := *w
	other.ID = ids.New(begin)
	r.webhooks[other.ID] = &other
	r.reading = func() {
		r.reading = nil
		newer := other
		newer.Version = 9
		r.webhooks[other.ID] = &newer
		d.Seen(other.ID, 9, false)
	}
	if _, err := d.Webhook(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Webhook(t.Context(), other.ID); err != nil || got.Version != 9 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatOtherNodesTellIsReadAgain(t *testing.T) {
	for name, hint := range map[string]func(w *carteiro.Webhook) store.Hint{
		"the webhook":          func(w *carteiro.Webhook) store.Hint { return store.Hint{Webhooks: []carteiro.ID{w.ID}} },
		"the owner":            func(*carteiro.Webhook) store.Hint { return store.Hint{Owners: []store.OwnerRef{agent}} },
		"that hints were lost": func(*carteiro.Webhook) store.Hint { return store.Hint{Lost: true} },
		"something else":       func(*carteiro.Webhook) store.Hint { return store.Hint{Waiting: []carteiro.ID{{1}}} },
	} {
		w := webhook(agent)
		r := newRegistry(w)
		d := directory.New(r, true)
		ask := func() {
			if _, err := d.Webhook(t.Context(), w.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Owner(t.Context(), agent); err != nil {
				t.Fatal(err)
			}
		}
		ask()
		before := r.reads
		d.Hear(hint(w))
		ask()
		if again := r.reads > before; again != (name != "something else") {
			t.Errorf("%s: read again %v", name, again)
		}
	}
}
