package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/carteiro/carteiro"
)

// minAdminToken is how many bytes an admin token must have: it is made by hand, and must not be guessed.
const minAdminToken = 32

// AdminTokenHash returns the hash of the admin token, zero if none is set. Its errors match [ErrUsage] and do not contain
// the token.
func (s *Server) AdminTokenHash() (carteiro.TokenHash, error) {
	hash, err := s.adminTokenHash()
	return hash, Usage(err)
}

func (s *Server) adminTokenHash() (hash carteiro.TokenHash, err error) {
	token := s.AdminToken
	if s.AdminTokenFile != "" {
		if token != "" {
			return hash, errors.New("set either --admin-token or --admin-token-file, not both")
		}
		text, err := readFile(s.AdminTokenFile)
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
