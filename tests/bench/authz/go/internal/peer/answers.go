package peer

import (
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	types "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	status "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
)

const scheme = "Bearer "

// twins are names that some frameworks take for those of the identity headers.
var twins = []string{
	"x_user_id", "x_user-id", "x-user_id", "x_auth_provider", "x_auth-provider", "x-auth_provider",
}

// Token is the access token of a request; empty when it has none.
func Token(request *auth.CheckRequest) string {
	header := request.GetAttributes().GetRequest().GetHttp().GetHeaders()["authorization"]
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return ""
	}
	return header[len(scheme):]
}

// Allowed lets a request through with the identity headers of its user.
func Allowed(claims *Claims) *auth.CheckResponse {
	return &auth.CheckResponse{
		Status: &status.Status{Code: int32(codes.OK)},
		HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{
			Headers: []*core.HeaderValueOption{
				header("x-user-id", claims.Subject),
				header("x-auth-provider", claims.Provider),
			},
			HeadersToRemove: twins,
		}},
	}
}

// Denied refuses a request without a good token.
func Denied(reason string) *auth.CheckResponse {
	return refused(types.StatusCode_Unauthorized, codes.Unauthenticated, reason)
}

// Unavailable refuses a request since we cannot tell.
func Unavailable(reason string) *auth.CheckResponse {
	return refused(types.StatusCode_ServiceUnavailable, codes.Unavailable, reason)
}

func refused(code types.StatusCode, rpc codes.Code, reason string) *auth.CheckResponse {
	return &auth.CheckResponse{
		Status: &status.Status{Code: int32(rpc)},
		HttpResponse: &auth.CheckResponse_DeniedResponse{DeniedResponse: &auth.DeniedHttpResponse{
			Status: &types.HttpStatus{Code: code},
			Body:   `{"reason": "` + reason + `"}`,
		}},
	}
}

func header(name, value string) *core.HeaderValueOption {
	return &core.HeaderValueOption{
		Header:       &core.HeaderValue{Key: name, Value: value},
		AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
