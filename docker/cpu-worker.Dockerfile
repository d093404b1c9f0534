# A Prefect worker for harvesting, training and studies on CPUs. The same image runs the server and the set-up
# (docker/compose.yaml).
#   docker build -f docker/cpu-worker.Dockerfile --build-arg HMMR_COMMIT="$(git rev-parse HEAD)" -t hmmr-cpu .
# Not built where this was written: that machine has no Docker engine. In a chroot of Debian bookworm with its own
# python3.11 in an environment (not python:3.11-slim) useradd, Node.js 24.21 and npm 11.21 (npm's packages, not the node
# image), both pip commands and `hmmr weights fetch` ran on 2026-12-01; `hmmr doctor` found nothing missing there, and the
# user 10001 imported torch, cv2, onnxruntime, psycopg and yt-dlp. CI lints the file.
FROM node:24-bookworm-slim AS node

FROM python:3.11-slim-bookworm
# Node.js 24 for YouTube's scripts (Debian's is too old for yt-dlp), npm for the weights of the people detector.
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && useradd --create-home --uid 10001 worker \
    && mkdir /data && chown worker /data

WORKDIR /app
COPY . .

# The CPU build of torch has an index of its own, which an extra cannot choose (PEP 508), so it is named here.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false HMMR_WEIGHTS=/app/weights
# yt-dlp ages fast, so it is not pinned.
# hadolint ignore=DL3013
RUN pip install --index-url "${TORCH_INDEX}" torch==2.13.0 \
    && pip install '.[postgres]' 'yt-dlp[default]' \
    && hmmr weights fetch

# Rows say by which commit they were made; .git is not in the image.
ARG HMMR_COMMIT=unknown
ENV HMMR_COMMIT=${HMMR_COMMIT} HMMR_PROJECT=/data
USER 10001
WORKDIR /data
CMD ["prefect", "worker", "start", "--pool", "cpu", "--limit", "4"]
