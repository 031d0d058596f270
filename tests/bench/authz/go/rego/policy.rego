# The policy that OPA's users write for the same: verify the token, hand its user on.
package envoy.authz

default allow := false

allow := {"subject": claims.sub, "provider": claims.provider} if {
	[valid, _, claims] := io.jwt.decode_verify(token, data.constraints)
	valid
	claims.sub != ""
	claims.jti != ""
	claims.type == "access"
}

token := substring(input.attributes.request.http.headers.authorization, count("Bearer "), -1)
