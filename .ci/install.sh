# Install this checkout into .venv. Sourced by ./demo and ./test from the checkout's folder (POSIX sh).
#
# Needs Python 3.11 and one of: uv; Python's venv with ensurepip; pip 22.3. Never writes outside of .venv.

minimum_python="3, 11"  # as Python compares it
minimum_pip="22.3"

say() {
    printf '%s\n' "$*"
}

fail() {
    say "$@" >&2
    exit 1
}

# Print the path of the first Python that is new enough, or nothing. $PYTHON is tried first.
find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info < ($minimum_python))" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

require_python() {
    python=$(find_python)
    [ -n "$python" ] || fail \
        "Tollwire needs Python 3.11 or later; here is $(python3 --version 2>&1 || say 'no python3')." \
        "Install it (Debian 12, Ubuntu 24.04 and later: apt install python3 python3-pip), name one as" \
        "PYTHON=/path/to/python3 $0, or install uv (https://docs.astral.sh/uv/), which brings its own."
}

# Run a command with its output in .venv/install.log, and show that it is alive: its seconds and last line.
with_progress() {
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    log=.venv/install.log
    "$@" >"$log" 2>&1 &
    job=$!
    trap 'kill "$job" 2>/dev/null; exit 130' INT TERM
    seconds=0
    while kill -0 "$job" 2>/dev/null; do
        if [ -t 1 ]; then
            printf '\r\033[K%4d s  %.70s' "$seconds" "$(tail -n 1 "$log")"
        elif [ $((seconds % 10)) -eq 9 ]; then
            printf '%4d s  %.70s\n' "$((seconds + 1))" "$(tail -n 1 "$log")"
        fi
        sleep 1
        seconds=$((seconds + 1))
    done
    [ ! -t 1 ] || printf '\r\033[K'
    trap - INT TERM
    wait "$job" && return
    tail -n 30 "$log" >&2
    fail "Installing failed; the whole output is in $PWD/$log."
}

# Make .venv unless a Python that works is there; a half made one is made anew.
make_venv() {
    if .venv/bin/python -c '' 2>/dev/null; then
        return
    fi
    rm -rf .venv
    if command -v uv >/dev/null; then
        uv venv --quiet --python ">=3.11" .venv || fail "uv cannot make .venv."
        return
    fi
    require_python
    if ! "$python" -m venv .venv >/dev/null 2>&1; then  # Debian without python3-venv: no ensurepip
        rm -rf .venv
        "$python" -m venv --without-pip .venv || fail "$python makes no virtual environment: apt install python3-venv."
    fi
}

# Install $1 (".", ".[test]") with the first of uv, the environment's own pip, and the machine's pip.
install_packages() {
    if command -v uv >/dev/null; then
        with_progress uv pip install --python .venv/bin/python --editable "$1"
    elif .venv/bin/python -m pip --version >/dev/null 2>&1; then
        with_progress .venv/bin/python -m pip install --progress-bar off --editable "$1"
    else
        require_python
        require_pip
        with_progress "$python" -m pip --python .venv/bin/python install --progress-bar off --editable "$1"
    fi
}

require_pip() {
    found=$("$python" -m pip --version 2>/dev/null | cut -d ' ' -f 2)
    lower=$(printf '%s\n%s\n' "$minimum_pip" "$found" | sort -V | head -n 1)
    [ -n "$found" ] && [ "$lower" = "$minimum_pip" ] || fail \
        "Tollwire installs itself with uv, python3-venv or pip $minimum_pip; here is ${found:+pip }${found:-no pip}." \
        "Install one of them: apt install python3-venv (as root), or pip install --user 'pip>=$minimum_pip'."
}

# Bring .venv up to date with pyproject.toml. $1 is "test" for the tools of ./test, else empty.
# The stamp says what .venv was made from: a change, a moved checkout or a kill half-way installs again.
install_tollwire() {
    made_from="$PWD $(cksum <pyproject.toml)"
    if .venv/bin/python -c '' 2>/dev/null; then
        case $(cat .venv/.made-from 2>/dev/null) in
            "$made_from $1" | "$made_from test") return ;;  # what ./test installed is enough for ./demo
        esac
    fi
    say "Installing Tollwire into $PWD/.venv (less than a minute, once)"
    make_venv
    rm -f .venv/.made-from
    install_packages ".${1:+[$1]}"
    say "$made_from $1" >.venv/.made-from
}
