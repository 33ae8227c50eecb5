package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"carteiro"
)

// minAdminToken is how many bytes an admin token must have: it is made by hand, and must not be guessed.
const minAdminToken = 32

// AdminTokenHash gives the hash of the admin token, zero where none is set. Its errors do not hold the token.
func (s *Server) AdminTokenHash() (hash carteiro.TokenHash, err error) {
	token := s.AdminToken
	if s.AdminTokenFile != "" {
		if token != "" {
			return hash, errors.New("set either --admin-token or --admin-token-file, not both")
		}
		text, err := os.ReadFile(s.AdminTokenFile)
		if err != nil {
			return hash, fmt.Errorf("--admin-token-file: %w", err)
		}
		if token = strings.TrimSpace(string(text)); token == "" {
			return hash, errors.New("--admin-token-file: there is no token in the file")
		}
	}
	if token == "" {
		return hash, nil
	}
	if len(token) < minAdminToken {
		return hash, fmt.Errorf("the admin token must have at least %d characters", minAdminToken)
	}
	return carteiro.HashToken(token), nil
}
