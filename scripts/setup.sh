# Sourced by run.sh and test.sh: checks the Rust toolchain and installs missing system libraries on Debian and Ubuntu.
# When everything is there it only looks, and needs neither network nor rights.
#
#   . scripts/setup.sh [test]      `test` also wants a virtual display, which tests of the real window use
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# What links Rust programs and compiles SQLite. Any C compiler will do, so packages are only named when there is none.
BUILD_PACKAGES=(gcc libc6-dev)
# What the window opens while it runs, under X11 or Wayland.
WINDOW_PACKAGES=(libxkbcommon-x11-0 libxcursor1 libxi6 libfontconfig1 libgl1 libgl1-mesa-dri)
TEST_PACKAGES=(xvfb xauth)

# True when version $1 is at least version $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

check_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    # rustup and `source ~/.cargo/env` put it there; a shell opened before that does not know yet.
    command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
    command -v cargo >/dev/null || fail "Rust is missing: Handful needs cargo $wanted or newer. Install it from https://rustup.rs, then run this again."
    found=$(cargo --version | cut -d ' ' -f 2)
    at_least "$found" "$wanted" || fail "cargo $found is too old: Handful needs $wanted or newer. Run \`rustup update stable\`, then this again."
}

# Names of the given Debian packages that are not installed, one a line.
missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif ! command -v sudo >/dev/null; then return 1
    elif [ -t 0 ]; then sudo "$@"
    else sudo -n "$@"
    fi
}

install_packages() {
    local log
    log=$(mktemp)
    say "Installing $*"
    if as_root apt-get -q update >"$log" 2>&1 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@" >>"$log" 2>&1; then
        rm -f "$log"
        return
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
    printf 'Could not install them. Please run, then start this again:\n    sudo apt-get install %s\n' "$*" >&2
    # Without a compiler nothing can be built; without the rest everything but the window works.
    command -v cc >/dev/null || exit 1
}

check_libraries() {
    local wanted=("${WINDOW_PACKAGES[@]}")
    if [ "${1:-}" = test ]; then wanted+=("${TEST_PACKAGES[@]}"); fi
    command -v cc >/dev/null || wanted+=("${BUILD_PACKAGES[@]}")
    if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
        local missing
        mapfile -t missing < <(missing_packages "${wanted[@]}")
        [ "${#missing[@]}" = 0 ] || install_packages "${missing[@]}"
        return
    fi
    case "$(uname -s)" in
        Darwin)
            command -v cc >/dev/null || fail "A C compiler is missing. Run \`xcode-select --install\`, then this again."
            ;;
        Linux)
            command -v cc >/dev/null || fail "A C compiler is missing: install gcc (or clang) with its headers, then run this again."
            say "This is not Debian or Ubuntu, so nothing was installed. The window needs these libraries (Debian's names):"
            printf '    %s\n' "${wanted[@]}" >&2
            ;;
        *) say "On this system only cargo and a C compiler are needed." ;;
    esac
}

check_rust
check_libraries "${1:-}"

# Where cargo puts what it builds; `target/$TARGET_DIR` would be wrong for people who share one.
TARGET_DIR=${CARGO_TARGET_DIR:-target}
