# A Prefect worker for GPUs, with mmcv, mmdet and mmpose beside the embedded networks.
#   docker build -f docker/cuda-worker.Dockerfile -t hmmr-cuda .
#   docker run --gpus all -e PREFECT_API_URL=http://server:4200/api -v /data:/data hmmr-cuda
# Not built where this was written: that machine has neither a Docker engine nor a GPU. There scripts/install_mmlab ran
# on a CPU only; mmcv's CUDA operators were never compiled by us.
FROM nvidia/cuda:12.8.1-devel-ubuntu24.04

RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential ca-certificates git make npm software-properties-common \
    && add-apt-repository -y ppa:deadsnakes/ppa \
    && apt-get install -y --no-install-recommends python3.11 python3.11-dev python3.11-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY . .

ENV PIP_NO_CACHE_DIR=1 DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false HMMR_WEIGHTS=/app/weights
RUN python3.11 -m venv /opt/hmmr \
    && /opt/hmmr/bin/pip install . \
    && /opt/hmmr/bin/hmmr weights fetch
ENV PATH=/opt/hmmr/bin:$PATH
RUN bash scripts/install_mmlab /opt/mmlab

RUN useradd --create-home --uid 10001 worker && chown -R worker /app
USER 10001
CMD ["prefect", "worker", "start", "--pool", "gpu"]
