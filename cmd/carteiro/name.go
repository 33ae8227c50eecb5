package main

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how many characters a name may have.
const maxName = 255

// checkName says whether a name is one that the API takes, too.
func checkName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case strings.TrimSpace(name) == "" || n > maxName:
		return errors.New("the name must have 1 to 255 characters")
	case !utf8.ValidString(name) || strings.Contains(name, "\x00"):
		return errors.New("the name must be text in UTF-8")
	}
	return nil
}

// shown gives a name as it is printed: quoted where a terminal would take it for commands, or a table for columns. Names
// come over HTTP, too.
func shown(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
