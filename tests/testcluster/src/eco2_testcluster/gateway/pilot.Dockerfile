# Istio's control plane, of what its Go module is built to.
ARG BASE_IMAGE=python:3.13-slim
FROM ${BASE_IMAGE}
COPY pilot-discovery /usr/local/bin/pilot-discovery
USER 1337:1337
ENTRYPOINT ["/usr/local/bin/pilot-discovery"]
