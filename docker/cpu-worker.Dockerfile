# A Prefect worker for harvesting, training and studies on CPUs.
#   docker build -f docker/cpu-worker.Dockerfile -t hmmr-cpu .
#   docker run -e PREFECT_API_URL=http://server:4200/api -v /data:/data hmmr-cpu
# Not built where this was written: that machine has no Docker engine. The same commands ran there outside of Docker
# (scripts/setup), and the file is linted by tests/docker.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends make npm \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY . .

# The CPU build of torch has an index of its own, which an extra cannot choose (PEP 508), so it is named here.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false HMMR_WEIGHTS=/app/weights
RUN pip install --index-url "${TORCH_INDEX}" torch==2.13.0 \
    && pip install . \
    && hmmr weights fetch

RUN useradd --create-home --uid 10001 worker && chown -R worker /app
USER 10001
CMD ["prefect", "worker", "start", "--pool", "cpu"]
