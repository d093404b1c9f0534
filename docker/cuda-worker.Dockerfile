# A Prefect worker for GPUs. One environment has everything: the project, torch, onnxruntime-gpu, and mmcv with CUDA
# operators, all of CUDA 13 as the base is (PyPI's torch 2.13.0 and onnxruntime-gpu 1.31 are built for it).
#   docker build -f docker/cuda-worker.Dockerfile --build-arg HMMR_COMMIT="$(git rev-parse HEAD)" -t hmmr-cuda .
#   docker run --gpus all -e PREFECT_API_URL=http://server:4200/api -v data:/data hmmr-cuda
# Not built where this was written: that machine has neither a Docker engine nor a GPU. There scripts/install_mmlab ran
# on a CPU only; apt-get's commands, the PPA and the compiling of mmcv's CUDA operators were never run by us. pip's own
# answer for `pip install --dry-run torch==2.13.0 'onnxruntime-gpu==1.31.*'` was torch 2.13.0 with cuda-toolkit 13.0.3,
# cuDNN 9.20 for CUDA 13, and onnxruntime-gpu 1.31.1, whose extras name CUDA 13 too (2026-12-01). CI lints the file.
FROM node:24-bookworm-slim AS node

FROM nvidia/cuda:13.0.1-cudnn-devel-ubuntu24.04
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential ca-certificates software-properties-common \
    && add-apt-repository -y ppa:deadsnakes/ppa \
    && apt-get install -y --no-install-recommends python3.11 python3.11-dev python3.11-venv \
    && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && useradd --create-home --uid 10001 worker \
    && mkdir /data && chown worker /data

WORKDIR /app
COPY . .

# No GPU is there while the image is built, so mmcv is told for which to compile: A100, A40, L4 and L40, H100.
ENV PIP_NO_CACHE_DIR=1 DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false HMMR_WEIGHTS=/app/weights \
    TORCH_CUDA_ARCH_LIST="8.0;8.6;8.9;9.0" PATH=/opt/hmmr/bin:$PATH
# yt-dlp ages fast, so it is not pinned.
# hadolint ignore=DL3013
RUN HMMR_WHEELHOUSE=/tmp/wheelhouse bash scripts/install_mmlab /opt/hmmr cuda \
    && pip install '.[postgres]' 'yt-dlp[default]' \
    && pip uninstall -y onnxruntime \
    && pip install 'onnxruntime-gpu==1.31.*' \
    && hmmr weights fetch \
    && rm -rf /tmp/wheelhouse

ARG HMMR_COMMIT=unknown
ENV HMMR_COMMIT=${HMMR_COMMIT} HMMR_PROJECT=/data
USER 10001
WORKDIR /data
CMD ["prefect", "worker", "start", "--pool", "gpu", "--limit", "1"]
