"""A mesh without containers: the real istiod on the embedded cluster, and real sidecar proxies beside pods that are
objects only.

A proxy is pilot-agent, which gets the workload's certificate from istiod's authority and passes istiod's configuration
on, and Envoy. Without iptables nothing is redirected: Sidecar resources with ``captureMode: NONE`` make the proxies
listen on addresses of their own, 127.x.y.z, where Linux answers without being told. Everything behind the proxies is
one server that says what it was asked.

A gateway (`entrance`) needs no such thing: it listens as Gateway resources say, and behind it are servers of this
machine under the names of domains. Its EcoIngresses are rendered by the operator's builders (`rendering`), or looked
after by the real operator (`operated`).
"""
