// Package settings writes the settings of a webhook that no query asks for as the databases keep them, so that they read
// the same in each, and so that there is one place where secrets are encrypted on their way in and decrypted on their
// way out.
package settings

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
)

// settings are kept as JSON. Templates are kept as strings, because encoding/json would change the bytes of raw JSON.
type settings struct {
	Name              string                       `json:"name"`
	URL               string                       `json:"url"`
	Events            []string                     `json:"events"`
	IncludeCallEvents bool                         `json:"include_call_events,omitempty"`
	Secret            string                       `json:"secret,omitempty"`
	Signature         carteiro.SignatureScheme     `json:"signature_scheme,omitempty"`
	FormerSecrets     []formerSecret               `json:"former_secrets,omitempty"`
	HeaderStyle       carteiro.HeaderStyle         `json:"header_style,omitempty"`
	TimeoutNanos      int64                        `json:"timeout_ns"`
	MaxRetries        int                          `json:"max_retries"`
	HTTPMethod        string                       `json:"http_method"`
	Scheme            carteiro.AuthorizationScheme `json:"authorization_scheme"`
	Value             string                       `json:"authorization_value,omitempty"`
	CustomHeaders     []carteiro.Header            `json:"custom_headers"`
	PayloadTemplates  map[string]string            `json:"payload_templates"`
	// Sealed holds what is empty above because it is encrypted.
	Sealed *sealed `json:"sealed,omitempty"`
	// Rule is which headers counted as secret; see [Encode].
	Rule int `json:"rule,omitempty"`
}

// What the stored settings contain when they have custom headers, and when those were encoded by the present rule.
const (
	HasHeaders = `"custom_headers":[{`
	HasRule    = `"rule":1`
)

type formerSecret struct {
	Secret     string                   `json:"secret,omitempty"`
	Scheme     carteiro.SignatureScheme `json:"scheme,omitempty"`
	EndsMicros int64                    `json:"ends_us"`
}

// sealed are values by the field that each is of, under one key.
type sealed struct {
	Key    string            `json:"key"`
	Values map[string]string `json:"values"`
}

// Encode gives the settings as bytes, with the secrets among them encrypted if there is a key: the signing secrets, the
// credential, and the values of custom headers that may carry one. by names the key; it is empty when secrets lie open,
// and nil when there are none, as in those of a deleted webhook. Nodes of the release before read only headers that were
// secret to it; as long as one may be running, wide is false and no others are encrypted.
func Encode(w *carteiro.Webhook, keys *seal.Keyring, wide bool) (encoded []byte, by *string, err error) {
	if w.Deleted() {
		erased := *w
		erased.EraseSecrets()
		w = &erased
	}
	s := settings{
		Name: w.Name, URL: w.URL, Events: w.Events, IncludeCallEvents: w.IncludeCallEvents, Secret: w.Secret,
		TimeoutNanos: int64(w.Timeout), MaxRetries: w.MaxRetries, HTTPMethod: w.HTTPMethod,
		Scheme: w.AuthorizationScheme, Value: w.AuthorizationValue, CustomHeaders: slices.Clone(w.CustomHeaders),
	}
	s.Signature, s.HeaderStyle = w.SignatureScheme, w.HeaderStyle
	for _, f := range w.FormerSecrets {
		s.FormerSecrets = append(s.FormerSecrets, formerSecret{f.Secret, f.Scheme, f.EndsAt.UnixMicro()})
	}
	if w.PayloadTemplates != nil {
		s.PayloadTemplates = make(map[string]string, len(w.PayloadTemplates))
	}
	for eventType, template := range w.PayloadTemplates {
		s.PayloadTemplates[eventType] = string(template)
	}
	if wide {
		s.Rule = 1
	}
	by = s.seal(w.ID, keys)
	encoded, err = json.Marshal(s) //nolint:gosec // a delivery is signed with the secret itself: it must be kept
	return encoded, by, err
}

// seal moves the secrets to where they are encrypted, and gives the name of the key.
func (s *settings) seal(id carteiro.ID, keys *seal.Keyring) (by *string) {
	values := make(map[string]string)
	for field, secret := range s.secrets() {
		if *secret == "" {
			continue
		}
		if keys.First() == "" {
			return new(string)
		}
		values[field] = keys.Seal(*secret, place(id, field))
		*secret = ""
	}
	if len(values) == 0 {
		return nil
	}
	s.Sealed = &sealed{Key: keys.First(), Values: values}
	return &s.Sealed.Key
}

// secrets are the fields that hold any, by their names.
func (s *settings) secrets() map[string]*string {
	all := map[string]*string{"secret": &s.Secret, "authorization_value": &s.Value}
	for i := range s.CustomHeaders {
		if h := &s.CustomHeaders[i]; s.Rule == 1 && h.IsSecret() || wasSecretive(h.Key) {
			all["custom_headers."+strconv.Itoa(i)] = &h.Value
		}
	}
	for i := range s.FormerSecrets {
		all["former_secrets."+strconv.Itoa(i)] = &s.FormerSecrets[i].Secret
	}
	return all
}

// wasSecretive is what carteiro.Secretive was in the release before.
func wasSecretive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "key", "token", "secret", "password", "cookie", "credential", "session", "signature"},
		func(word string) bool { return strings.Contains(name, word) })
}

// place binds what is sealed to its webhook and field: moved to another it does not open.
func place(id carteiro.ID, field string) string { return "webhook " + id.String() + " " + field }

// Decode reads what Encode has made into a webhook, whose ID and DeletedAt it needs. It fails when the bytes are others, or
// what is encrypted cannot be decrypted with the keys; a webhook that can be sent to is never given without its secrets. A
// deleted one needs no key: its secrets are left out even if an earlier release has stored them.
func Decode(encoded []byte, w *carteiro.Webhook, keys *seal.Keyring) error {
	if w.Deleted() {
		err := DecodeWithoutSecrets(encoded, w)
		w.EraseSecrets()
		return err
	}
	s, err := parse(encoded, w.ID)
	if err == nil {
		err = s.open(w.ID, keys)
	}
	if err == nil {
		s.into(w)
	}
	return err
}

// DecodeWithoutSecrets is Decode for whoever only asks which webhook it is: it needs no key, and leaves the secrets out, also
// those that lie open. What it gives must be neither stored nor sent to.
func DecodeWithoutSecrets(encoded []byte, w *carteiro.Webhook) error {
	s, err := parse(encoded, w.ID)
	if err != nil {
		return err
	}
	for _, secret := range s.secrets() {
		*secret = ""
	}
	s.into(w)
	return nil
}

// Erase returns the settings of a deleted webhook without its secrets, for which it needs no key. Settings that cannot be parsed may
// hold secrets as well, so that nothing is left of them.
func Erase(encoded []byte, id carteiro.ID) ([]byte, error) {
	w := &carteiro.Webhook{ID: id}
	if err := DecodeWithoutSecrets(encoded, w); err != nil {
		w = &carteiro.Webhook{ID: id}
	}
	erased, _, err := Encode(w, nil, true)
	return erased, err
}

// Unreadable says why settings cannot be read; "" when they can. With no key at all it leaves secrets that are encrypted alone.
func Unreadable(encoded []byte, id carteiro.ID, keys *seal.Keyring) string {
	s, err := parse(encoded, id)
	if err == nil && keys != nil {
		err = s.open(id, keys)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// HasSecrets reports whether settings hold secrets, encrypted or not. It needs no key. Settings that cannot be read have none.
func HasSecrets(encoded []byte, id carteiro.ID) bool {
	s, err := parse(encoded, id)
	if err != nil {
		return false
	}
	s.Rule = 1 // by which the secrets of deleted webhooks are erased
	for _, secret := range s.secrets() {
		if *secret != "" {
			return true
		}
	}
	return s.Sealed != nil
}

func parse(encoded []byte, id carteiro.ID) (*settings, error) {
	s := new(settings)
	if err := json.Unmarshal(encoded, s); err != nil {
		return nil, fmt.Errorf("settings of webhook %s: %w", id, err)
	}
	return s, nil
}

func (s *settings) into(w *carteiro.Webhook) {
	w.Name, w.URL, w.Events, w.IncludeCallEvents, w.Secret = s.Name, s.URL, s.Events, s.IncludeCallEvents, s.Secret
	w.Timeout, w.MaxRetries, w.HTTPMethod = time.Duration(s.TimeoutNanos), s.MaxRetries, s.HTTPMethod
	w.AuthorizationScheme, w.AuthorizationValue, w.CustomHeaders = s.Scheme, s.Value, s.CustomHeaders
	w.SignatureScheme, w.HeaderStyle = s.Signature, s.HeaderStyle
	for _, f := range s.FormerSecrets {
		w.FormerSecrets = append(w.FormerSecrets, carteiro.FormerSecret{
			Secret: f.Secret, Scheme: f.Scheme, EndsAt: time.UnixMicro(f.EndsMicros).UTC(),
		})
	}
	if s.PayloadTemplates != nil {
		w.PayloadTemplates = make(map[string]json.RawMessage, len(s.PayloadTemplates))
	}
	for eventType, template := range s.PayloadTemplates {
		w.PayloadTemplates[eventType] = json.RawMessage(template)
	}
}

// open puts what is sealed back to its field.
func (s *settings) open(id carteiro.ID, keys *seal.Keyring) error {
	if s.Sealed == nil {
		return nil
	}
	fields := s.secrets()
	for field, value := range s.Sealed.Values {
		into := fields[field]
		if into == nil {
			return fmt.Errorf("%s of webhook %s: %w", field, id, seal.ErrDamaged)
		}
		plain, err := keys.Open(s.Sealed.Key, value, place(id, field))
		if err != nil {
			return fmt.Errorf("%s of webhook %s: %w", field, id, err)
		}
		*into = plain
	}
	return nil
}
