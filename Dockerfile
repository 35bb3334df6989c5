# Plain features only: it builds with BuildKit, buildah and podman alike.
# Pin the base by digest: --build-arg BASE_IMAGE=docker.io/library/python:3.13-slim-trixie@sha256:...
ARG BASE_IMAGE=docker.io/library/python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# The dependencies, as locked: they change less often than the source.
COPY requirements.txt requirements-build.txt ./
RUN python3 -m venv --without-pip /opt/exporter && \
    python3 -m venv --without-pip /opt/build && \
    python3 -m pip --python /opt/build/bin/python install --require-hashes --no-deps -r requirements-build.txt && \
    python3 -m pip --python /opt/exporter/bin/python install --require-hashes --no-deps --no-compile -r requirements.txt

# The wheel, built with the locked build tools.
COPY pyproject.toml README.md LICENSE ./
COPY exporter ./exporter
RUN /opt/build/bin/python -m hatchling build -t wheel -d /dist && \
    python3 -m pip --python /opt/exporter/bin/python install --no-index --no-deps --no-compile /dist/*.whl

# Bytecode without time stamps: the same source gives the same files, and a read-only root starts at full speed. Parts of
# dependencies that never run here go without. Tests, type stubs, other packages' commands and PyYAML's C parser (2.6 MB, only
# for those who ask for it by name) serve nobody at run time.
RUN find /opt/exporter -type d -name tests -prune -exec rm -rf {} + && \
    find /opt/exporter \( -name '*.pyi' -o -name '*.pyx' -o -name '_yaml.*.so' -o -name '[Aa]ctivate*' \) -delete && \
    find /opt/exporter/bin -type f ! -name 'azure-marketplace-*' -delete && \
    /opt/exporter/bin/python -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(pydantic/v1|pycparser|cffi|aio|_backends/_trio)[/.]' /opt/exporter/lib

FROM ${BASE_IMAGE}

# The base brings pip; a running exporter installs nothing. A volume for the state gets the owner of its place here.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/pip* /usr/local/lib/python3.*/ensurepip && \
    install -d -o 65532 -g 65532 /var/lib/azure-marketplace-exporter

COPY --from=build /opt/exporter /opt/exporter
COPY LICENSE /licenses/LICENSE

ENV PATH=/opt/exporter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that runAsNonRoot can be checked without the image's user table.
USER 65532:65532
EXPOSE 10142
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["azure-marketplace-exporter", "--healthcheck"]
ENTRYPOINT ["azure-marketplace-exporter"]

ARG VERSION=unspecified
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="azure-marketplace-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the publishing status of Azure Marketplace offers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
