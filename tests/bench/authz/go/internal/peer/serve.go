package peer

import (
	"fmt"
	"net"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
)

// Prefix of the keys in Redis that revoke a token; its jti follows.
const Prefix = "blacklist:"

// Serve answers calls until the process ends.
func Serve(address string, server auth.AuthorizationServer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	calls := grpc.NewServer()
	auth.RegisterAuthorizationServer(calls, server)
	fmt.Println("listening on", address)
	return calls.Serve(listener)
}
