// Command plain is an ext_authz server as an ordinary good Go developer writes it: each call verifies its token and asks
// Redis whether that was revoked. It logs nothing per call.
package main

import (
	"context"
	"log"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/redis/go-redis/v9"

	"eco2.growbin.app/bench/authz/internal/peer"
)

type server struct {
	auth.UnimplementedAuthorizationServer
	verifier *peer.Verifier
	redis    *redis.Client
}

func (s *server) Check(ctx context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	token := peer.Token(request)
	if token == "" {
		return peer.Denied("missing_token"), nil
	}
	claims, err := s.verifier.Verify(token)
	if err != nil {
		return peer.Denied("invalid_token"), nil
	}
	revoked, err := s.redis.Exists(ctx, peer.Prefix+claims.ID).Result()
	if err != nil {
		return peer.Unavailable("redis_unavailable"), nil
	}
	if revoked > 0 {
		return peer.Denied("blacklisted"), nil
	}
	return peer.Allowed(claims), nil
}

func main() {
	settings, err := peer.ReadSettings()
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := peer.NewVerifier(settings)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(peer.Serve(settings.Address, &server{verifier: verifier, redis: redis.NewClient(settings.Redis)}))
}
