#!/bin/sh
# venv.sh PINS [FOLDER [NEWEST]]: make a virtual environment (.venv) from a pinned list of packages with the hashes it names, with a
# Python from 3.11 to NEWEST (3.13), the last on which all of them run.
# Written for a shell, because the Python that would say "I am too old" may be too old to read us.
set -u
pins="$1"
venv="${2:-.venv}"
newest="${3:-3.13}"
log=.venv.log

say() { printf '%s\n' "$*" >&2; }

fits() { "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, ${newest#3.}))" 2>/dev/null; }
find_python() {
    for name in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        [ -n "$name" ] && fits "$name" && echo "$name" && return
    done
    say "No Python from 3.11 to $newest found, which $pins needs (python3 is $(python3 --version 2>&1)): install one, or name it," \
        "as in 'make PYTHON=/path/to/python3.11 ...'."
    exit 1
}

explain() {
    if grep -qiE 'no space left|quota exceeded' "$log"; then
        say "The disk is full: the packages need about 2 GB in $(pwd). Free some and run the same command again."
    elif grep -qiE 'ensurepip is not available|No module named .?(venv|ensurepip)' "$log"; then
        say "This Python cannot make virtual environments: install its venv package (on Debian: python3-venv) and try again."
    elif grep -qiE 'hashes? (do not|mismatch)|HASH' "$log"; then
        say "A downloaded package is not the one that $pins names (its hash differs): nothing of it was installed. See $log."
    elif grep -qiE 'name resolution|failed to (fetch|connect|lookup)|error sending request|unreachable|timed out|max retries|connection|dns|no matching distribution|tunnel' "$log"; then
        say "The package index cannot be reached: check the network (or the proxy, or pip's index settings) and run the same" \
            "command again. What pip said is in $log."
    else
        tail -n 15 "$log" >&2
        say "The packages could not be installed: the lines above say why, all of them are in $log."
    fi
    exit 1
}

# uv installs the list in seconds where pip takes minutes, but does not read pip's settings: hand it what is set there.
setting() { $venv/bin/python -m pip config get "global.$1" 2>/dev/null || true; }
with_uv() {
    index="${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(setting index-url)}}"
    links="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$(setting find-links | tr '\n' ' ')}}"
    [ -n "$index" ] && export UV_DEFAULT_INDEX="$index"
    [ -n "$links" ] && export UV_FIND_LINKS="$(echo $links | tr ' ' ',')"
    certificate="${SSL_CERT_FILE:-${PIP_CERT:-$(setting cert)}}"
    [ -n "$certificate" ] && export SSL_CERT_FILE="$certificate"
    awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' "$pins" >"$venv/uv.txt"
    # A list of additions comes after one that has brought uv.
    { [ ! -s "$venv/uv.txt" ] ||
        $venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$venv/uv.txt"; } &&
        $venv/bin/uv pip install --quiet --python $venv/bin/python --require-hashes --no-deps -r "$pins"
}
with_pip() {
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 2 --require-hashes --no-deps -r "$pins"
}

[ -x $venv/bin/python ] && fits $venv/bin/python || {
    python=$(find_python) || exit 1
    say "Making $venv with $($python --version)."
    "$python" -m venv --clear "$venv" >"$log" 2>&1 || explain
}
say "Installing the packages of $pins (a few minutes the first time)."
with_uv >"$log" 2>&1 || with_pip >>"$log" 2>&1 || explain
# What is not ours has no package of ours.
[ "$venv" = .venv ] || { rm -f "$log"; exit 0; }
# As an editable installation would: our package is this checkout's, whoever asks for it.
$venv/bin/python -c 'import pathlib, sysconfig; here = pathlib.Path("plugins").resolve()
pathlib.Path(sysconfig.get_path("purelib"), "sillage.pth").write_text(f"{here}\n", encoding="utf-8")'
rm -f "$log"
