# Sourced by the other scripts: `install EXTRAS` makes .venv and installs the project with these extras into it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv="${IMGINDEX_VENV:-.venv}"
PATH="$PWD/$venv/bin:$PATH"

install() {
    local extras="$1" stamp="$venv/.installed-$1"
    [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
    local sources=(pyproject.toml constraints.txt scripts/build_native.py imgindex/native/*.[ch])
    local compiled='from imgindex import native; native.kernels()'
    if [ -e "$stamp" ] && [ -z "$(find "${sources[@]}" -newer "$stamp")" ] && python -c "$compiled" 2>/dev/null; then return; fi
    echo "Installing into $venv (a few minutes the first time) ..." >&2
    install_torch
    pip_install --editable ".[$extras]"
    touch "$stamp"
}

pip_install() {
    python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$@" 2> >(grep -v '^WARNING' >&2)
}

# A torch for NVIDIA GPUs is gigabytes; without such a GPU the CPU build does, where pip can find one.
install_torch() {
    if python -c 'import torch' 2>/dev/null || command -v nvidia-smi >/dev/null; then return; fi
    local found
    found="$(python -m pip install --dry-run --no-deps --constraint constraints.txt torch 2>/dev/null || true)"
    if [[ "$found" == *"+cpu"* ]]; then
        pip_install torch
    else
        pip_install --retries 0 --timeout 15 --no-deps --index-url https://download.pytorch.org/whl/cpu torch || pip_install torch
    fi
}
