// Command cached is the plain server made fast in the usual way: verified tokens are kept in an LRU cache, and revoked
// ones in a copy of Redis's list that pub/sub keeps up to date. It logs nothing per call.
package main

import (
	"context"
	"log"
	"time"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"

	"eco2.growbin.app/bench/authz/internal/peer"
)

// verified is a token whose signature and claims were good; its times are checked at each use.
type verified struct {
	id        string
	expires   time.Time
	notBefore time.Time
	answer    *auth.CheckResponse
}

type server struct {
	auth.UnimplementedAuthorizationServer
	verifier *peer.Verifier
	tokens   *lru.Cache[string, *verified]
	mirror   *mirror
}

func (s *server) Check(_ context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	token := peer.Token(request)
	if token == "" {
		return peer.Denied("missing_token"), nil
	}
	known, hit := s.tokens.Get(token)
	if !hit {
		claims, err := s.verifier.Verify(token)
		if err != nil {
			return peer.Denied("invalid_token"), nil
		}
		known = &verified{id: claims.ID, expires: claims.ExpiresAt.Time, answer: peer.Allowed(claims)}
		if claims.NotBefore != nil {
			known.notBefore = claims.NotBefore.Time
		}
		s.tokens.Add(token, known)
	}
	if now := time.Now(); now.After(known.expires) || now.Before(known.notBefore) {
		return peer.Denied("expired"), nil
	}
	revoked, fresh := s.mirror.revoked(known.id)
	if !fresh {
		return peer.Unavailable("redis_unavailable"), nil
	}
	if revoked {
		return peer.Denied("blacklisted"), nil
	}
	return known.answer, nil
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
	tokens, err := lru.New[string, *verified](settings.CacheEntries)
	if err != nil {
		log.Fatal(err)
	}
	blacklist := newMirror(redis.NewClient(settings.Redis))
	go blacklist.follow(context.Background())
	log.Fatal(peer.Serve(settings.Address, &server{verifier: verifier, tokens: tokens, mirror: blacklist}))
}
