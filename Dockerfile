# docker build --build-arg PACKAGE=eco2-operator -t eco2-operator .      (make images builds all of them)
#
# Every Python package of the workspace becomes an image by this one file. The result holds the interpreter, what it is
# linked to, and the installed packages; no shell, no package manager, no other program. docs/images.md says more.
ARG BASE_IMAGE=python:3.13-slim
ARG PACKAGE

FROM ${BASE_IMAGE} AS base
ARG UV_VERSION=0.13.9
# Also where a proxy with an authority of its own answers for PyPI, if the base image knows that authority.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    PATH=/opt/uv/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
RUN python3 -m pip install --quiet --no-cache-dir --target /opt/uv "uv==${UV_VERSION}"
COPY docker /docker

# The lowest layer is the same in all images.
FROM base AS interpreter
RUN python3 /docker/rootfs.py interpreter /rootfs

# What the package itself is made of, and those of the workspace that it needs: a change of another one ends here.
FROM base AS source
WORKDIR /workspace
COPY . .
ARG PACKAGE
ARG EXTRAS=""
RUN export="uv export --quiet --frozen --no-header --no-emit-workspace --package ${PACKAGE}" \
 && folder="$(uv workspace dir --package "${PACKAGE}")" \
 && cp -r "$folder" /source && mkdir /siblings \
 && for sibling in $(uv export --quiet --frozen --no-header --no-hashes --no-annotate --no-editable --no-emit-project --no-dev \
      --package "${PACKAGE}" | sed -n 's/^\.\///p'); do cp -r "$sibling" /siblings; done \
 && $export --no-dev ${EXTRAS:+--extra ${EXTRAS}} --output-file /requirements.txt \
 && if [ -e /source/compile.py ]; then $export --group compile --output-file /source/compile.txt; fi

FROM base AS dependencies
COPY --from=source /requirements.txt /
# Programs of dependencies, and what activates an environment in a shell.
RUN uv venv --quiet --python python3 /opt/eco2 \
 && uv pip install --quiet --python /opt/eco2 --require-hashes --requirement /requirements.txt \
 && find /opt/eco2/bin -type f -delete
COPY --from=source /source/pyproject.toml /source/compile.* /source/
COPY --from=interpreter /rootfs /below/interpreter
RUN python3 /docker/prune.py /opt/eco2 /source/pyproject.toml \
 && python3 /docker/rootfs.py environment /opt/eco2 /rootfs --below /below/interpreter

FROM dependencies AS program
# The compiler and its interpreter's headers stay behind in this stage. Distributions' interpreters have theirs in a package.
RUN if [ -e /source/compile.py ]; then \
      headers="$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" \
      && apt-get update -qq \
      && apt-get install -qq -y --no-install-recommends gcc libc6-dev $([ -e "$headers" ] || echo libpython3-dev) >/dev/null \
      && uv venv --quiet --python python3 /opt/compiler \
      && uv pip install --quiet --python /opt/compiler --require-hashes --requirement /source/compile.txt; \
    fi
COPY --from=source /source /source
COPY --from=source /siblings /siblings
ARG PACKAGE
RUN uv pip install --quiet --python /opt/eco2 --no-deps --no-sources /source $(find /siblings -mindepth 1 -maxdepth 1) \
 && if [ -e /source/compile.py ]; then \
      /opt/compiler/bin/python /source/compile.py /opt/compiled \
      && cp -r /opt/compiled/. "$(/opt/eco2/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')"; \
    fi \
 && if [ -e /source/prepare.py ]; then /opt/eco2/bin/python /source/prepare.py; fi \
 && python3 /docker/domain.py /opt/eco2 /source "${PACKAGE}" \
 && mv /rootfs /below/dependencies \
 && python3 /docker/rootfs.py environment /opt/eco2 /rootfs --below /below/interpreter --below /below/dependencies

FROM scratch AS image
COPY --from=interpreter /rootfs /
COPY --from=dependencies /rootfs /
COPY --from=program /rootfs /
ENV PATH=/opt/eco2/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
STOPSIGNAL SIGTERM
ARG PACKAGE
ARG VERSION=""
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="${PACKAGE}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# --target domain: every domain service, by --build-arg PACKAGE=eco2-<name>. `alembic upgrade head` works in it, too.
FROM image AS domain
ARG DESCRIPTION=""
LABEL org.opencontainers.image.description="${DESCRIPTION}"
ENV ALEMBIC_CONFIG=/opt/eco2/alembic.ini
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=30s CMD ["/opt/eco2/bin/python", "-P", "-m", "eco2_service.healthcheck"]
ENTRYPOINT ["/opt/eco2/bin/python", "-P", "/opt/eco2/bin/domain"]
CMD ["serve"]

FROM image AS eco2-operator
LABEL org.opencontainers.image.description="Kubernetes operator that turns EcoDomain files into running, guarded backend domains"
EXPOSE 8080
ENTRYPOINT ["/opt/eco2/bin/python", "-P", "/opt/eco2/bin/eco2"]
CMD ["run"]

FROM image AS eco2-authz
LABEL org.opencontainers.image.description="Envoy ext_authz server: verifies access tokens, refuses revoked ones, sets the identity headers"
EXPOSE 9001 9090
ENTRYPOINT ["/opt/eco2/bin/python", "-P", "/opt/eco2/bin/eco2-authz"]

FROM image AS eco2-sample
LABEL org.opencontainers.image.description="Small HTTP service that stands in for domains that do not exist yet"
ARG VERSION=""
ENV SAMPLE_VERSION=${VERSION}
EXPOSE 8000
ENTRYPOINT ["/opt/eco2/bin/python", "-P", "/opt/eco2/bin/eco2-sample"]

FROM ${PACKAGE}
