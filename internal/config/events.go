package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carteiro/carteiro"
)

// Catalogue returns the built-in event types and those of the events file. Its errors match [ErrUsage].
func (s *Server) Catalogue() (*carteiro.Catalogue, error) {
	if s.EventsFile == "" {
		return carteiro.NewCatalogue(nil, nil), nil
	}
	text, err := readFile(s.EventsFile)
	if err != nil {
		return nil, fmt.Errorf("events file: %w", err)
	}
	catalogue, err := parseEvents(text)
	if err != nil {
		return nil, Usage(fmt.Errorf("events file %s: %w", s.EventsFile, err))
	}
	return catalogue, nil
}

func parseEvents(text []byte) (*carteiro.Catalogue, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("the file is empty")
	}
	var more struct{ Agent, Campaign []carteiro.EventType }
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields() // a misspelled member would otherwise read as an empty list
	if err := decoder.Decode(&more); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the object")
	}
	for kind, types := range map[carteiro.OwnerKind][]carteiro.EventType{
		carteiro.OwnerAgent: more.Agent, carteiro.OwnerCampaign: more.Campaign,
	} {
		if err := checkEvents(kind, types); err != nil {
			return nil, err
		}
	}
	return carteiro.NewCatalogue(more.Agent, more.Campaign), nil
}

// eventName is what the contract allows: a name becomes the value of an HTTP header.
var eventName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func checkEvents(kind carteiro.OwnerKind, types []carteiro.EventType) error {
	builtIn := carteiro.NewCatalogue(nil, nil)
	seen := make(map[string]bool)
	for _, t := range types {
		switch {
		case !eventName.MatchString(t.Name):
			return fmt.Errorf("event type %q: the name must be 1 to 100 characters of A-Z a-z 0-9 . _ -", t.Name)
		case t.Name == carteiro.TestEvent, builtIn.Has(carteiro.OwnerEnvironment, t.Name):
			return fmt.Errorf("event type %q: the name is reserved", t.Name)
		case seen[t.Name]:
			return fmt.Errorf("event type %q: defined twice", t.Name)
		case builtIn.Has(kind, t.Name):
			return fmt.Errorf("event type %q: built in", t.Name)
		case strings.TrimSpace(t.Description) == "":
			return fmt.Errorf("event type %q: the description is missing", t.Name)
		case !oneLine(t.Description):
			return fmt.Errorf("event type %q: the description must be one line", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

func oneLine(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}
