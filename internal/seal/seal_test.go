package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/seal"
)

func ring(t *testing.T, keys ...string) *seal.Keyring {
	t.Helper()
	r, err := seal.Parse(strings.Join(keys, ","))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsSealedOpensInItsPlaceAlone(t *testing.T) {
	r := ring(t, seal.NewKey())
	for _, plain := range []string{"", "hunter2", strings.Repeat("ü", 5000)} {
		sealed := r.Seal(plain, "webhook 1 secret")
		if plain != "" && strings.Contains(sealed, plain) {
			t.Fatal("it is not encrypted")
		}
		if again := r.Seal(plain, "webhook 1 secret"); again == sealed {
			t.Error("sealed twice it looks the same: the nonce was used twice")
		}
		if got, err := r.Open(r.First(), sealed, "webhook 1 secret"); err != nil || got != plain {
			t.Errorf("opened: %q, %v", got, err)
		}
		if _, err := r.Open(r.First(), sealed, "webhook 2 secret"); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("in another place: %v", err)
		}
	}
}

func TestTheFirstKeySealsAndAllOpen(t *testing.T) {
	old, fresh := seal.NewKey(), seal.NewKey()
	before, during, after := ring(t, old), ring(t, fresh, old), ring(t, fresh)
	sealed := before.Seal("hunter2", "here")
	if got, err := during.Open(before.First(), sealed, "here"); err != nil || got != "hunter2" {
		t.Errorf("with the old key behind the new one: %q, %v", got, err)
	}
	if during.First() != after.First() || during.First() == before.First() {
		t.Error("the first key does not seal")
	}
	if _, err := after.Open(before.First(), sealed, "here"); !errors.Is(err, seal.ErrNoKey) || !strings.Contains(err.Error(), before.First()) {
		t.Errorf("without the old key: %v", err)
	}
	var none *seal.Keyring
	if _, err := none.Open(before.First(), sealed, "here"); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("without keys: %v", err)
	}
}

func TestNoneBeforeTheKeysHasThemOpenOnly(t *testing.T) {
	key := seal.NewKey()
	sealed, reads := ring(t, key), ring(t, "none", key)
	for _, r := range []*seal.Keyring{reads, sealed.Opening()} {
		got, err := r.Open(sealed.First(), sealed.Seal("hunter2", "here"), "here")
		if r.First() != "" || !r.Has(sealed.First()) || got != "hunter2" || err != nil {
			t.Errorf("the first is %q; opened %q, %v", r.First(), got, err)
		}
	}
	if ring(t, "none") != nil || (*seal.Keyring)(nil).Opening() != nil {
		t.Error("keys out of nothing")
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	r := ring(t, seal.NewKey())
	sealed := []byte(r.Seal("hunter2", "here"))
	for i := range sealed {
		changed := append([]byte(nil), sealed...)
		if changed[i] = 'A'; sealed[i] == 'A' {
			changed[i] = 'B'
		}
		if _, err := r.Open(r.First(), string(changed), "here"); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	if _, err := r.Open(r.First(), "", "here"); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("nothing: %v", err)
	}
}

func TestKeysAreReadAsTheyAreWritten(t *testing.T) {
	one, two := seal.NewKey(), seal.NewKey()
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"none":                   {" \n# no key yet\n", nil},
		"one":                    {one, nil},
		"lines with comments":    {"# since May\r\n" + two + " # the old one\r\n\n" + one + "\n", nil},
		"separated by commas":    {two + ", " + one, nil},
		"short":                  {one[:20], seal.ErrKey},
		"16 bytes":               {"AAAAAAAAAAAAAAAAAAAAAA==", seal.ErrKey},
		"no base64":              {"correct horse battery staple", seal.ErrKey},
		"the same twice":         {one + "," + one, seal.ErrKeyTwice},
		"zeros":                  {base64.StdEncoding.EncodeToString(make([]byte, seal.KeyBytes)), seal.ErrWeakKey},
		"one byte repeated":      {base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, seal.KeyBytes)), seal.ErrWeakKey},
		"a line without an end":  {strings.Repeat("x", 1<<20), seal.ErrKey},
		"one good and one wrong": {one + "," + two[1:], seal.ErrKey},
		"none before them":       {"none," + one, nil},
		"none behind one":        {one + "\nnone", seal.ErrNone},
	} {
		r, err := seal.Parse(test.text)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), one[:8]) || strings.Contains(err.Error(), "horse")) {
			t.Errorf("%s: the error holds a part of the key: %v", name, err)
		}
		if err == nil && name != "none" && !r.Has(ring(t, one).First()) {
			t.Errorf("%s: the key is not there", name)
		}
		if name == "none" && r.First() != "" {
			t.Error("a key out of nothing")
		}
	}
}

func TestAKeyringPrintsNoKey(t *testing.T) {
	secret := seal.NewKey()
	r := ring(t, secret)
	type holder struct{ ring *seal.Keyring }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, printed := range []string{fmt.Sprintf(verb, r), fmt.Sprintf(verb, *r), fmt.Sprintf(verb, holder{r})} {
			if strings.Contains(printed, secret) {
				t.Errorf("%s prints the key", verb)
			}
		}
	}
	if got := fmt.Sprint(r); got != "[keys]" {
		t.Errorf("printed as %s", got)
	}
}
