# One image per deployable: docker build --build-arg EXTRA=metadata --tag tams-metadata .
# EXTRA is metadata, media, analytics, events or gateway, or storage for an object store to try things with.
# Metadata and analytics on VAST Database need its client as well: add --build-arg TABLES=vast.
ARG EXTRA
ARG TABLES
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
WORKDIR /src
# The tools come from the same locks as everywhere else, hashes checked.
COPY .ci/uv.lock .ci/uv.lock
COPY requirements.lock pyproject.toml ./
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r .ci/uv.lock
# What this deployable needs and no more, before the source: changes to code keep this layer.
ARG EXTRA
ARG TABLES
RUN /build/bin/uv venv --no-cache --python "$(command -v python)" /app \
    && /build/bin/uv pip install --no-cache --compile-bytecode --python /app/bin/python --require-hashes \
        -c requirements.lock -r pyproject.toml --extra "${EXTRA:?name the deployable: --build-arg EXTRA=metadata}" \
        ${TABLES:+--extra "$TABLES"}
# What makes the list of what is in the image.
RUN /build/bin/uv venv --no-cache --python "$(command -v python)" /sbom \
    && /build/bin/uv pip install --no-cache --python /sbom/bin/python --require-hashes \
        -c requirements.lock -r pyproject.toml --extra sbom
COPY . .
RUN /build/bin/uv build --no-cache --wheel --python /app/bin/python --require-hashes \
        --build-constraints requirements.lock --out-dir /dist .
RUN /build/bin/uv pip install --no-cache --compile-bytecode --python /app/bin/python --no-deps /dist/*.whl \
    && /sbom/bin/cyclonedx-py environment --output-reproducible --output-file /app/sbom.cdx.json /app/bin/python

FROM python:${PYTHON}-slim AS runtime
ARG EXTRA
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tams-${EXTRA}" \
    org.opencontainers.image.description="Time-addressable media store: ${EXTRA}" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# /data belongs to the process, so that a new volume mounted there does too.
RUN install -d -o 10001 -g 10001 -m 0750 /data
COPY --from=build /app /app
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
USER 10001:10001

FROM runtime AS run-metadata
ENV TAMS_METADATA_HOST=0.0.0.0
EXPOSE 8101
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "services.shared.rpc.probe", "127.0.0.1:8101"]
CMD ["python", "-m", "services.metadata"]

FROM runtime AS run-media
ENV TAMS_MEDIA_HOST=0.0.0.0
EXPOSE 8102
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "services.shared.rpc.probe", "127.0.0.1:8102"]
CMD ["python", "-m", "services.media"]

FROM runtime AS run-analytics
ENV TAMS_ANALYTICS_HOST=0.0.0.0
EXPOSE 8103
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "services.shared.rpc.probe", "127.0.0.1:8103"]
CMD ["python", "-m", "services.analytics"]

FROM runtime AS run-events
ENV TAMS_EVENTS_HOST=0.0.0.0
EXPOSE 8104
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "services.shared.rpc.probe", "127.0.0.1:8104"]
CMD ["python", "-m", "services.events"]

FROM runtime AS run-gateway
ENV TAMS_GATEWAY_HOST=0.0.0.0
ENV TAMS_GATEWAY_ACCESS_LOG=true
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "gateway.probe"]
CMD ["python", "-m", "gateway"]

# SeaweedFS, all in one process, for trying things out. Only the S3 port matters outside of it, and the others
# are guarded. It reads its access keys from a file mounted there, and keeps what it is given in /data.
FROM runtime AS run-storage
ENV GOMEMLIMIT=256MiB
EXPOSE 8333
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8333/healthz', timeout=3)"]
CMD ["python", "-m", "client.local.storage.protection", "weed", "-logtostderr=true", "mini", "-disableHttp", \
     "-dir=/data", "-ip=127.0.0.1", "-ip.bind=0.0.0.0", \
     "-s3.port=8333", "-s3.config=/run/secrets/storage/s3.json", "-s3.iam=false", \
     "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false"]

FROM run-${EXTRA}
