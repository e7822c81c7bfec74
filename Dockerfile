# One image per deployable: docker build --build-arg EXTRA=metadata --tag tams-metadata .
# EXTRA is metadata, media, analytics or gateway, or storage for an object store to try things with.
ARG EXTRA
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
WORKDIR /src
# The tools come from the same locks as everywhere else, hashes checked.
COPY .ci/uv.lock .ci/uv.lock
COPY requirements.lock pyproject.toml ./
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r .ci/uv.lock \
    && /build/bin/uv pip install --no-cache --python /build/bin/python --require-hashes -c requirements.lock hatchling
# What this deployable needs and no more, before the source: changes to code keep this layer.
ARG EXTRA
RUN /build/bin/uv venv --no-cache --python "$(command -v python)" /app \
    && /build/bin/uv pip install --no-cache --compile-bytecode --python /app/bin/python --require-hashes \
        -c requirements.lock -r pyproject.toml --extra "${EXTRA:?name the deployable: --build-arg EXTRA=metadata}"
COPY . .
RUN /build/bin/hatchling build --target wheel /dist \
    && /build/bin/uv pip install --no-cache --compile-bytecode --python /app/bin/python --no-deps /dist/*.whl

FROM python:${PYTHON}-slim AS runtime
# /data belongs to the process, so that a new volume mounted there does too.
RUN install -d -o 10001 -g 10001 -m 0750 /data
COPY --from=build /app /app
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
USER 10001:10001

FROM runtime AS run-metadata
ENV TAMS_METADATA_HOST=0.0.0.0
EXPOSE 8101
CMD ["python", "-m", "services.metadata"]

FROM runtime AS run-media
ENV TAMS_MEDIA_HOST=0.0.0.0
EXPOSE 8102
CMD ["python", "-m", "services.media"]

FROM runtime AS run-analytics
ENV TAMS_ANALYTICS_HOST=0.0.0.0
EXPOSE 8103
CMD ["python", "-m", "services.analytics"]

FROM runtime AS run-gateway
ENV TAMS_GATEWAY_HOST=0.0.0.0
EXPOSE 8000
CMD ["python", "-m", "gateway"]

FROM runtime AS run-storage
ENV GOMEMLIMIT=256MiB
EXPOSE 8333
CMD ["weed", "version"]

FROM run-${EXTRA}
