// Package peer is what the Go servers have in common: the parts an ordinary ext_authz server in Go is made of.
package peer

import (
	"fmt"
	"os"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// connections to Redis; with go-redis's own ten calls wait for one another.
const connections = 128

// Settings come from the environment, by the names that eco2-authz reads.
type Settings struct {
	Address      string
	Algorithm    string
	Secret       []byte
	KeysFile     string
	Issuer       string
	Audience     string
	Redis        *redis.Options
	CacheEntries int
}

// ReadSettings reads the environment.
func ReadSettings() (Settings, error) {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return Settings{}, fmt.Errorf("REDIS_URL: %w", err)
	}
	options.PoolSize = connections
	entries, err := strconv.Atoi(os.Getenv("AUTHZ_TOKEN_CACHE_ENTRIES"))
	if err != nil {
		return Settings{}, fmt.Errorf("AUTHZ_TOKEN_CACHE_ENTRIES: %w", err)
	}
	return Settings{
		Address:      os.Getenv("AUTHZ_GRPC_ADDR"),
		Algorithm:    os.Getenv("JWT_ALGORITHMS"),
		Secret:       []byte(os.Getenv("JWT_SECRET_KEY")),
		KeysFile:     os.Getenv("JWKS_FILE"),
		Issuer:       os.Getenv("JWT_ISSUER"),
		Audience:     os.Getenv("JWT_AUDIENCE"),
		Redis:        options,
		CacheEntries: entries,
	}, nil
}
