# Darkcall in a container. Two targets:
#   docker build --target cpu  -t darkcall:cpu .     OpenVINO finds hulls; no PyTorch, so no training
#   docker build --target cuda -t darkcall:cuda .    PyTorch on an NVIDIA GPU, and training
# x86_64 alone: roaring-landmask has no wheel for others and would need a Rust compiler.
# `docs/operations.md` says how it is run, and what of it was tried.

# A tag moves. For a build that is the same next year name a digest, which never does:
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:… --target cpu .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS base
# opencv-python's wheel is linked against these two. Their versions are Debian's: a security fix comes
# with the next build.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

# ---- what installs packages never runs them: it stays out of the image ----
FROM base AS build
WORKDIR /srv/darkcall
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements-image.lock scripts/supply/lock_part.py /build/
# setuptools first, by its hash: it builds what has no wheel (searoute), and nothing else may.
RUN python -m venv .venv \
    && python /build/lock_part.py /build/requirements-image.lock --only setuptools > /build/setuptools.lock \
    && .venv/bin/pip install --require-hashes --requirement /build/setuptools.lock

FROM build AS build-cpu
RUN python /build/lock_part.py /build/requirements-image.lock \
        --without torch torchvision triton 'ultralytics*' 'nvidia-*' 'cuda-*' 'polars*' > /build/cpu.lock \
    && .venv/bin/pip install --require-hashes --no-build-isolation --requirement /build/cpu.lock
COPY pyproject.toml README.md LICENSE ./
COPY configs configs
COPY models models
COPY pipeline pipeline
RUN .venv/bin/pip install --no-deps --no-build-isolation --editable . \
    && .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash pipeline

FROM build AS build-cuda
# PyTorch's wheels for x86_64 Linux bring CUDA's libraries. Of the host only the driver and
# nvidia-container-toolkit are needed: docker run --gpus all
RUN .venv/bin/pip install --require-hashes --no-build-isolation --requirement /build/requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY configs configs
COPY models models
COPY pipeline pipeline
RUN .venv/bin/pip install --no-deps --no-build-isolation --editable . \
    && .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash pipeline

# ---- what runs: nobody's account, and nothing it could write but its volume and /tmp ----
FROM base AS runtime
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/darkcall --create-home \
        --shell /usr/sbin/nologin darkcall \
    && mkdir /etc/darkcall
ENV PATH=/srv/darkcall/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/darkcall \
    XDG_CACHE_HOME=/tmp/cache \
    MPLCONFIGDIR=/tmp/cache/matplotlib \
    YOLO_CONFIG_DIR=/tmp/cache \
    YOLO_OFFLINE=true \
    RAY_USAGE_STATS_ENABLED=0
WORKDIR /var/lib/darkcall
VOLUME ["/var/lib/darkcall"]
# As Python takes it: process 1 would not hear SIGTERM. A run that is stopped goes on where it was.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=1h --timeout=5m --start-period=2m --retries=2 \
    CMD ["darkcall", "doctor", "--json", "--config", "/etc/darkcall/darkcall.yaml"]
ENTRYPOINT ["darkcall"]
CMD ["--help"]

FROM runtime AS cuda
# For nvidia-container-toolkit: compute, not graphics.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-cuda /srv/darkcall /srv/darkcall
USER 10001:10001

# The last one is what `docker build .` makes.
FROM runtime AS cpu
COPY --from=build-cpu /srv/darkcall /srv/darkcall
USER 10001:10001
