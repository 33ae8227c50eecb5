package directory_test

import (
	"context"
	"slices"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/store"
)

// silent is a registry whose changes are carried out and not answered.
type silent struct{ *registry }

func (s silent) DeleteOwner(ctx context.Context, p store.DeleteOwner) ([]carteiro.ID, error) {
	_, _ = s.registry.DeleteOwner(ctx, p)
	return nil, store.ErrUnavailable
}

func (s silent) UpdateWebhook(ctx context.Context, p store.UpdateWebhook) error {
	_ = s.registry.UpdateWebhook(ctx, p)
	return store.ErrUnavailable
}

func (s silent) DisableFailing(context.Context, store.DisableFailing) ([]*carteiro.Webhook, error) {
	for id, w := range s.webhooks {
		off := *w
		off.Enabled = false
		s.webhooks[id] = &off
	}
	return nil, store.ErrUnavailable
}

// A change whose call failed may have been carried out. The node reads the webhooks again, and so do its lanes.
func TestAChangeThatWasNotAnsweredHoldsAtOnce(t *testing.T) {
	for name, change := range map[string]func(*directory.Directory, *carteiro.Webhook) error{
		"owner deleted": func(d *directory.Directory, _ *carteiro.Webhook) error {
			return d.DeleteOwner(t.Context(), store.DeleteOwner{OwnerRef: agent, Now: begin})
		},
		"webhook disabled": func(d *directory.Directory, w *carteiro.Webhook) error {
			_, err := d.ChangeWebhook(t.Context(), agent, w.ID, func(w *carteiro.Webhook) error { w.Enabled = false; return nil }, nil)
			return err
		},
		"failing webhooks disabled": func(d *directory.Directory, _ *carteiro.Webhook) error {
			_, err := d.DisableFailing(t.Context(), store.DisableFailing{Now: begin, Limit: 1})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := webhook(agent)
			d := directory.New(silent{newRegistry(w, webhook(spring))}, false)
			var told []carteiro.ID
			d.Changed = func(webhooks ...carteiro.ID) { told = append(told, webhooks...) }
			if is, err := d.Webhook(t.Context(), w.ID); err != nil || !is.Live() {
				t.Fatal(is, err)
			}
			if err := change(d, w); err == nil {
				t.Fatal("the call has not failed")
			}
			if is, err := d.Webhook(t.Context(), w.ID); err != nil || is.Live() {
				t.Errorf("the node still knows the webhook as live; %v", err)
			}
			if !slices.Equal(told, []carteiro.ID{w.ID}) {
				t.Errorf("told of %v, want %v", told, w.ID)
			}
		})
	}
}
