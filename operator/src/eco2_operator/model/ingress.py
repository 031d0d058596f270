"""EcoIngress: one public entrance."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eco2_operator.model.base import (
    METADATA_KEYS,
    SET,
    Check,
    DnsLabel,
    DnsSubdomain,
    Duration,
    HttpPath,
    LabelValue,
    Model,
    Namespace,
    PortName,
    Rule,
    keyed,
    matches,
)

Host = Annotated[
    str,
    Field(max_length=253),
    matches(
        r"^([*]\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$",
        "must be a lower-case host name with a dot, such as api.example.org or *.example.org: no scheme, port or path",
    ),
]
RoutePath = Annotated[
    str,
    Field(max_length=256),
    matches(
        r"^/[A-Za-z0-9._~/-]*$",
        "must start with / and hold only letters, digits and . _ ~ - / (routes are prefixes: no * and no ?)",
    ),
]
HeaderName = Annotated[
    str,
    Field(max_length=64),
    matches(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "must be a header name in lower case: letters, digits and -, such as x-user-id",
    ),
]
RESERVED_HEADERS = (
    *("accept", "authorization", "connection", "content-length", "content-type", "cookie", "host", "origin", "referer"),
    *("transfer-encoding", "user-agent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"),
)
"""They are removed at the whole gateway, from everybody's requests."""
IdentityHeader = Annotated[
    HeaderName,
    Check(
        Rule(
            f"!(self in {list(RESERVED_HEADERS)})",
            "is a header that clients must be able to send: ext-authz needs one of its own, such as x-user-id",
            lambda header: header not in RESERVED_HEADERS,
        )
    ),
]
Url = Annotated[
    str,
    Field(max_length=512),
    matches(
        r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?$",
        "must be a URL such as http://auth.auth.svc.cluster.local/.well-known/jwks.json",
    ),
]
Origin = Annotated[
    str,
    Field(max_length=256),
    matches(
        r"^([*]|https?://[a-z0-9.-]+(:[0-9]{1,5})?)$",
        "must be an origin such as https://app.example.org (scheme, lower-case host, port if any, no path), or *",
    ),
]
Cookie = Annotated[
    str,
    Field(max_length=64),
    matches(r"^[A-Za-z0-9_-]+$", "must be a cookie name: letters, digits, _ and -"),
]
CertificateArn = Annotated[
    str,
    Field(max_length=256),
    matches(
        r"^arn:aws[a-z-]*:(acm|iam):[a-z0-9-]*:[0-9]{12}:(certificate|server-certificate)/[!-~]+$",
        "must be the ARN of a certificate, such as arn:aws:acm:ap-northeast-2:123456789012:certificate/abcd",
    ),
]
GroupName = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        "must be lower-case letters, digits, - and ., starting and ending with a letter or digit",
    ),
]
MAX_ROUTES = 64
LONGEST_PATTERN = 128
"""Characters of a path pattern and of a host name in a rule of an ALB."""
LONGEST_ALB_PATH = LONGEST_PATTERN - len("/*")
ALB_HOST = r"\.[a-z]+$"
MIN_ORDER, MAX_ORDER = -1000, 1000
FIRST_ORDER = MIN_ORDER + MAX_ROUTES - 1
"""Leaves room for a chain of routes, each below the one before and all in other namespaces."""
GatewayLabels = Annotated[dict[str, LabelValue], Field(min_length=1, max_length=8), METADATA_KEYS]
ShortText = Annotated[str, Field(min_length=1, max_length=256)]


class Tls(Model):
    """The server certificate of an Istio gateway."""

    secret_name: DnsSubdomain = Field(description="Secret with tls.crt and tls.key in the gateway's namespace.")


class Gateway(Model):
    """The Istio gateway that serves the hosts."""

    namespace: Namespace = Field("istio-ingress", description="Namespace of the gateway's pods.")
    selector: GatewayLabels = Field({"istio": "ingressgateway"}, description="Labels of the gateway's pods.")
    tls: Tls | None = Field(None, description="Serve HTTPS with this certificate.")
    https_redirect: bool = Field(True, description="Redirect plain HTTP to HTTPS; needs tls.")


class DomainTarget(Model):
    """An EcoDomain."""

    name: DnsLabel = Field(description="Name of the EcoDomain.")
    namespace: Namespace | None = Field(None, description="Its namespace; default the EcoIngress's own.")


class ServiceTarget(Model):
    """A Service of no EcoDomain, such as Argo CD's."""

    name: DnsLabel = Field(description="Name of the Service.")
    namespace: Namespace | None = Field(None, description="Its namespace; default the EcoIngress's own.")
    port: int = Field(ge=1, le=65535, description="Port of the Service.")


class Route(Model):
    """One path prefix, matched on segment boundaries."""

    rules: ClassVar = (
        Rule(
            "[has(self.domain), has(self.service), self.deny].filter(given, given).size() == 1",
            "a route has either a domain, or a service, or deny: true",
            lambda r: [r.domain is not None, r.service is not None, r.deny].count(True) == 1,
            ".domain",
        ),
        Rule(
            "!has(self.port) || !has(self.service)",
            "port is the name of a domain's port: a service has its number in service.port",
            lambda r: r.port is None or r.service is None,
            ".port",
        ),
        Rule(
            "!self.deny || !(has(self.timeout) || has(self.retries) || has(self.rewrite) || has(self.port)"
            " || self.public)",
            "a denied route takes no timeout, retries, rewrite, port or public",
            lambda r: not r.deny or not (r.timeout or r.retries is not None or r.rewrite or r.port or r.public),
            ".deny",
        ),
        Rule(
            "!self.path.contains('//') && !(self.path + '/').contains('/../') && !(self.path + '/').contains('/./')",
            "path must be in its plain form: no //, /./ or /../",
            lambda r: "//" not in r.path and "/../" not in f"{r.path}/" and "/./" not in f"{r.path}/",
            ".path",
        ),
        Rule(
            "self.path == '/' || !self.path.endsWith('/')",
            "path must not end in a slash",
            lambda r: r.path == "/" or not r.path.endswith("/"),
            ".path",
        ),
    )
    path: RoutePath = Field(description="Path prefix; the longest one that matches wins.")
    domain: DomainTarget | None = Field(None, description="Where requests go.")
    service: ServiceTarget | None = Field(
        None,
        description="Where requests go instead of a domain; for the namespaces that ECO2_ENTRANCE_NAMESPACES lists.",
    )
    public: bool = Field(False, description="True lets requests pass without a token.")
    deny: bool = Field(False, description="True refuses every request.")
    port: PortName | None = Field(None, description="Name of the domain's port; default its first.")
    rewrite: HttpPath | None = Field(None, description="Replaces the prefix.")
    timeout: Duration | None = Field(None, description="Longest time for an answer, for example 60s.")
    retries: int | None = Field(None, ge=0, le=10, description="Further attempts on connection failures.")


class ExtAuthz(Model):
    """The external authorization server."""

    provider: ShortText = Field("eco2-ext-authz", description="Extension provider of the mesh configuration.")


class Jwt(Model):
    """Token verification in the mesh beside ext-authz; not with HS256."""

    issuer: ShortText = Field(description="Expected issuer.")
    jwks_uri: Url = Field(description="Where the public keys are.")
    audiences: list[ShortText] | None = Field(
        None, max_length=8, description="Accepted audiences; default any.", json_schema_extra=SET
    )


class Auth(Model):
    """Who may pass the routes that are not public."""

    ext_authz: ExtAuthz | None = Field(None, description="Ask this server; default eco2-ext-authz.")
    jwt: Jwt | None = Field(None, description="Let the mesh verify tokens too.")
    cookie: Cookie | None = Field(
        None, description="Cookie that holds the token when there is no Authorization header."
    )
    identity_headers: list[IdentityHeader] = Field(
        ["x-user-id", "x-auth-provider"],
        max_length=8,
        description="Headers that only ext-authz may set; copies from clients are removed.",
        json_schema_extra=SET,
    )


class Cors(Model):
    """Cross-origin requests from browsers."""

    rules: ClassVar = (
        Rule(
            "!self.allowCredentials || !self.allowOrigins.exists(o, o == '*')",
            "allowCredentials needs named origins, not *",
            lambda c: not c.allow_credentials or "*" not in c.allow_origins,
            ".allowOrigins",
        ),
        Rule(
            "size(self.allowOrigins) <= 1 || !self.allowOrigins.exists(o, o == '*')",
            "* already allows every origin: remove it or the others",
            lambda c: len(c.allow_origins) <= 1 or "*" not in c.allow_origins,
            ".allowOrigins",
        ),
    )
    allow_origins: list[Origin] = Field(
        min_length=1, max_length=32, description="Origins such as https://app.example.org.", json_schema_extra=SET
    )
    allow_methods: list[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]] = Field(
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        min_length=1,
        max_length=7,
        description="Allowed methods.",
        json_schema_extra=SET,
    )
    allow_headers: list[HeaderName] = Field(
        ["authorization", "content-type"],
        max_length=32,
        description="Request headers scripts may set, lower case.",
        json_schema_extra=SET,
    )
    expose_headers: list[HeaderName] | None = Field(
        None, max_length=32, description="Response headers scripts may read.", json_schema_extra=SET
    )
    allow_credentials: bool = Field(False, description="Cookies are sent along.")
    max_age: Duration = Field("10m", description="How long a browser may remember the answer.")


class Alb(Model):
    """The AWS load balancer, made by the AWS Load Balancer Controller."""

    rules: ClassVar = (
        Rule(
            f"self.target == 'gateway' || !has(self.groupOrder) || self.groupOrder >= {FIRST_ORDER}",
            f"with target domain longer paths in other namespaces come earlier in the group, down to {MIN_ORDER}:"
            f" groupOrder must be at least {FIRST_ORDER}",
            lambda a: a.target == "gateway" or a.group_order is None or a.group_order >= FIRST_ORDER,
            ".groupOrder",
        ),
    )
    target: Literal["gateway", "domain"] = Field(
        "gateway", description="gateway: in front of the Istio gateway; domain: straight to public routes."
    )
    certificate_arn: CertificateArn | None = Field(None, description="Certificate; default found by host.")
    scheme: Literal["internet-facing", "internal"] = Field("internet-facing", description="Reach.")
    group_name: GroupName | None = Field(None, description="Ingresses of one group share one load balancer.")
    group_order: int | None = Field(
        None,
        ge=MIN_ORDER,
        le=MAX_ORDER,
        description="Place in the group, the smallest first; target domain takes earlier ones for longer paths too.",
    )


class EcoIngressSpec(Model):
    """Hosts, and which domain answers which path."""

    provider: Literal["istio", "alb"] = Field("istio", description="What makes the entrance.")
    hosts: list[Host] = Field(min_length=1, max_length=16, description="Host names.", json_schema_extra=SET)
    gateway: Gateway | None = Field(None, description="The Istio gateway; default istio-ingress.")
    routes: list[Route] = Field(
        min_length=1,
        max_length=MAX_ROUTES,
        description="Path prefixes, in any order: the longest wins.",
        json_schema_extra=keyed("path"),
    )
    auth: Auth | None = Field(None, description="Authorization of routes that are not public.")
    cors: Cors | None = Field(None, description="Cross-origin requests.")
    alb: Alb | None = Field(None, description="Load balancer settings; provider alb only.")
    suspend: bool = Field(False, description="True stops every change to the children.")

    rules: ClassVar = (
        Rule(
            "self.provider == 'alb' || !has(self.alb)",
            "alb belongs to provider alb: remove it or change the provider",
            lambda s: s.provider == "alb" or s.alb is None,
            ".alb",
            "FieldValueForbidden",
        ),
        Rule(
            "!has(self.alb) || self.alb.target == 'gateway' || self.routes.all(r, r.public || r.deny)",
            "an ALB checks no tokens: with alb.target domain every route must be public or denied;"
            " use alb.target gateway for the others",
            lambda s: not _straight(s) or all(route.public or route.deny for route in s.routes),
            ".routes",
        ),
        Rule(
            "!has(self.alb) || self.alb.target == 'gateway' || !self.routes.exists(r, has(r.service))",
            "with alb.target domain requests go to node ports of domains: use alb.target gateway for services",
            lambda s: not _straight(s) or all(route.service is None for route in s.routes),
            ".routes",
        ),
        Rule(
            "!has(self.alb) || self.alb.target == 'gateway'"
            " || !self.routes.exists(r, has(r.rewrite) || has(r.timeout) || has(r.retries))",
            "an ALB neither rewrites nor retries nor limits the time of a route: remove rewrite, timeout and retries,"
            " or use alb.target gateway",
            lambda s: (
                not _straight(s) or all(r.rewrite is None and r.timeout is None and r.retries is None for r in s.routes)
            ),
            ".routes",
        ),
        Rule(
            "!has(self.alb) || self.alb.target == 'gateway'"
            " || !(has(self.auth) || has(self.cors) || has(self.gateway))",
            "with alb.target domain requests pass no gateway: remove auth, cors and gateway, or use alb.target gateway",
            lambda s: not _straight(s) or (s.auth is None and s.cors is None and s.gateway is None),
            ".alb.target",
        ),
        Rule(
            "self.provider == 'istio' || !has(self.gateway) || !has(self.gateway.tls) && self.gateway.httpsRedirect",
            "with provider alb the load balancer has the certificate (alb.certificateArn) and redirects to HTTPS:"
            " remove gateway.tls and httpsRedirect: false",
            lambda s: s.provider == "istio" or not s.gateway or (not s.gateway.tls and s.gateway.https_redirect),
            ".gateway",
            "FieldValueForbidden",
        ),
        Rule(
            f"self.provider == 'istio' || self.hosts.all(h, size(h) <= {LONGEST_PATTERN} && h.matches(r'{ALB_HOST}'))",
            f"an ALB knows only hosts of at most {LONGEST_PATTERN} characters with letters alone after the last dot",
            lambda s: s.provider == "istio" or all(map(_alb_host, s.hosts)),
            ".hosts",
        ),
        Rule(
            f"!has(self.alb) || self.alb.target == 'gateway' || self.routes.all(r, size(r.path) <= {LONGEST_ALB_PATH})",
            f"an ALB knows only path patterns of at most {LONGEST_PATTERN} characters: with alb.target domain"
            f" a path may have {LONGEST_ALB_PATH}",
            lambda s: not _straight(s) or all(len(route.path) <= LONGEST_ALB_PATH for route in s.routes),
            ".routes",
        ),
    )


def _straight(spec: EcoIngressSpec) -> bool:
    return spec.alb is not None and spec.alb.target == "domain"


def _alb_host(host: str) -> bool:
    return len(host) <= LONGEST_PATTERN and re.search(ALB_HOST, host) is not None
