package peer

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const leeway = 5 * time.Second

// Claims of an access token.
type Claims struct {
	Provider string `json:"provider"`
	Type     string `json:"type"`
	jwt.RegisteredClaims
}

// Verifier verifies access tokens.
type Verifier struct {
	parser *jwt.Parser
	key    jwt.Keyfunc
}

// NewVerifier takes the keys from the settings: a secret, or a file of public ones.
func NewVerifier(settings Settings) (*Verifier, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{settings.Algorithm}),
		jwt.WithIssuer(settings.Issuer),
		jwt.WithAudience(settings.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
	)
	if settings.Algorithm == jwt.SigningMethodHS256.Name {
		return &Verifier{parser, func(*jwt.Token) (any, error) { return settings.Secret, nil }}, nil
	}
	keys, err := readKeys(settings.KeysFile)
	if err != nil {
		return nil, err
	}
	return &Verifier{parser, func(token *jwt.Token) (any, error) {
		name, _ := token.Header["kid"].(string)
		if key, known := keys[name]; known {
			return key, nil
		}
		return nil, errors.New("unknown key")
	}}, nil
}

// Verify checks signature and claims.
func (v *Verifier) Verify(raw string) (*Claims, error) {
	claims := &Claims{}
	if _, err := v.parser.ParseWithClaims(raw, claims, v.key); err != nil {
		return nil, err
	}
	if claims.Subject == "" || claims.ID == "" || claims.Type != "" && claims.Type != "access" {
		return nil, errors.New("not an access token")
	}
	return claims, nil
}

func readKeys(path string) (map[string]*rsa.PublicKey, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []struct {
			Name     string `json:"kid"`
			Modulus  string `json:"n"`
			Exponent string `json:"e"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(content, &set); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, each := range set.Keys {
		modulus, err := number(each.Modulus)
		if err != nil {
			return nil, fmt.Errorf("%s: key %s: %w", path, each.Name, err)
		}
		exponent, err := number(each.Exponent)
		if err != nil {
			return nil, fmt.Errorf("%s: key %s: %w", path, each.Name, err)
		}
		keys[each.Name] = &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}
	}
	return keys, nil
}

func number(text string) (*big.Int, error) {
	octets, err := base64.RawURLEncoding.DecodeString(text)
	return new(big.Int).SetBytes(octets), err
}
