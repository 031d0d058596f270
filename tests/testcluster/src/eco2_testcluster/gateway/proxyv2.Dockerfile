# The gateway: Istio's agent, and Envoy as its project releases it. Envoy needs a glibc, which the base image has.
ARG BASE_IMAGE=python:3.13-slim
FROM ${BASE_IMAGE}
COPY envoy /usr/local/bin/envoy
COPY envoy_bootstrap.json /var/lib/istio/envoy/envoy_bootstrap_tmpl.json
COPY pilot-agent /usr/local/bin/pilot-agent
WORKDIR /
USER 1337:1337
ENTRYPOINT ["/usr/local/bin/pilot-agent"]
