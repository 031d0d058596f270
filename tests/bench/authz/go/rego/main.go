// Command rego decides by Rego, with OPA's engine behind the same gRPC server: the part of opa-envoy-plugin that costs
// time. It asks no Redis and logs nothing per call.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"os"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"google.golang.org/protobuf/encoding/protojson"

	"eco2.growbin.app/bench/authz/internal/peer"
)

//go:embed policy.rego
var policy string

type server struct {
	auth.UnimplementedAuthorizationServer
	query rego.PreparedEvalQuery
}

func (s *server) Check(ctx context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	input, err := object(request)
	if err != nil {
		return nil, err
	}
	results, err := s.query.Eval(ctx, rego.EvalInput(input))
	if err != nil {
		return nil, err
	}
	if len(results) == 0 {
		return peer.Denied("undefined"), nil
	}
	identity, allowed := results[0].Expressions[0].Value.(map[string]any)
	if !allowed {
		return peer.Denied("invalid_token"), nil
	}
	claims := &peer.Claims{}
	claims.Subject, _ = identity["subject"].(string)
	claims.Provider, _ = identity["provider"].(string)
	return peer.Allowed(claims), nil
}

// object is the request as a policy sees it: by way of JSON, as in opa-envoy-plugin.
func object(request *auth.CheckRequest) (map[string]any, error) {
	text, err := protojson.Marshal(request)
	if err != nil {
		return nil, err
	}
	var input map[string]any
	return input, json.Unmarshal(text, &input)
}

func prepare(settings peer.Settings) (rego.PreparedEvalQuery, error) {
	constraints := map[string]any{
		"alg": settings.Algorithm, "iss": settings.Issuer, "aud": settings.Audience,
	}
	if settings.KeysFile == "" {
		constraints["secret"] = string(settings.Secret)
	} else {
		keys, err := os.ReadFile(settings.KeysFile)
		if err != nil {
			return rego.PreparedEvalQuery{}, err
		}
		constraints["cert"] = string(keys)
	}
	return rego.New(
		rego.Query("data.envoy.authz.allow"),
		rego.Module("policy.rego", policy),
		rego.Store(inmem.NewFromObject(map[string]any{"constraints": constraints})),
	).PrepareForEval(context.Background())
}

func main() {
	settings, err := peer.ReadSettings()
	if err != nil {
		log.Fatal(err)
	}
	query, err := prepare(settings)
	if err != nil {
		log.Fatal(fmt.Errorf("the policy: %w", err))
	}
	log.Fatal(peer.Serve(settings.Address, &server{query: query}))
}
