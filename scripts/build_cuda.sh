#!/usr/bin/env bash
# Builds a release of Handful that computes on NVIDIA cards (`--features cuda`). Where no nvcc is installed, CUDA's compiler and
# libraries come from Python packages into a virtual environment below the target folder; neither rights nor a card are needed.
#
#   scripts/build_cuda.sh                          for cards since Ampere (compute capability 8.0), newer ones included
#   CUDA_COMPUTE_CAP=75 scripts/build_cuda.sh      since Turing, the oldest that CUDA 13 knows
#
# `nvidia-smi --query-gpu=compute_cap --format=csv` tells a card's.
#
# The binary holds PTX, which the driver translates: it runs on cards of CUDA_COMPUTE_CAP and newer, with a driver for CUDA 13.0 (580)
# or newer. It needs NVIDIA's driver to start at all; the build without the feature stays the one for machines without a card.

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" run

# Not newer than the drivers it should run with.
CUDA_VERSION=13.0
PACKAGES=(
    "nvidia-cuda-nvcc==$CUDA_VERSION.*" "nvidia-nvvm==$CUDA_VERSION.*" "nvidia-cuda-crt==$CUDA_VERSION.*"
    "nvidia-cuda-cccl==$CUDA_VERSION.*" "nvidia-cuda-runtime==$CUDA_VERSION.*" "nvidia-cublas==$CUDA_VERSION.*"
    "nvidia-cuda-nvrtc==$CUDA_VERSION.*" "nvidia-curand==10.4.0.*" # of CUDA 13.0; it counts for itself
)
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80}
cuda_target=$TARGET_DIR/cuda

check_system() {
    [ "$(uname -s)" = Linux ] || fail "This script is for Linux. With NVIDIA's toolkit installed, run: cargo build --release --features cuda"
    [[ "$CUDA_COMPUTE_CAP" =~ ^[0-9]{2,3}$ ]] || fail "CUDA_COMPUTE_CAP is a number like 80 or 120, not \"$CUDA_COMPUTE_CAP\"."
    # nvcc hands the code for the processor to g++.
    command -v g++ >/dev/null || fail "g++ is missing, which nvcc works with. On Debian and Ubuntu: sudo apt-get install g++"
}

link_args=()

# Sets CUDA_HOME to the toolkit that is installed, if there is one.
find_toolkit() {
    local nvcc
    for nvcc in "$(command -v nvcc || true)" "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc"; do
        if [ -x "$nvcc" ]; then
            CUDA_HOME=$(cd "$(dirname "$(readlink -f "$nvcc")")/.." && pwd)
            return
        fi
    done
    return 1
}

# Makes a toolkit from Python packages and sets CUDA_HOME to it. When everything is there it only looks.
make_toolkit() {
    local python venv=$cuda_target/toolkit
    python=$(command -v python3) || fail "python3 is missing, through which CUDA's compiler is fetched. Install it, or NVIDIA's toolkit."
    if [ ! -e "$venv/complete" ]; then
        say "No nvcc here: fetching CUDA $CUDA_VERSION as Python packages (1.2 GB on disk)"
        mkdir -p "$cuda_target"
        "$python" -m venv --clear "$venv" || fail "python3 makes no virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${PACKAGES[@]}"
        touch "$venv/complete"
    fi
    CUDA_HOME=$(cd "$venv"/lib/python3*/site-packages/nvidia/cu13 && pwd)
    add_missing_links "$CUDA_HOME/lib"
    # The stand-in for the driver has no symbols: link against it all the same, and leave its symbols to the real one.
    link_args=(-C link-arg=-Wl,--unresolved-symbols=ignore-all -C link-arg=-Wl,--no-as-needed -C link-arg=-lcuda)
}

# The packages hold libraries with a version in their name and no driver; the linker looks for names without, and for libcuda.
add_missing_links() {
    local library name
    for library in "$1"/lib*.so.*; do
        name=$(basename "$library")
        [ -e "$1/${name%%.so.*}.so" ] || ln -s "$name" "$1/${name%%.so.*}.so"
    done
    if [ ! -e "$1/libcuda.so" ]; then
        cc -shared -Wl,-soname,libcuda.so.1 -o "$1/libcuda.so" -x c /dev/null
    fi
}

build() {
    export CUDA_HOME CUDA_PATH=$CUDA_HOME CUDA_ROOT=$CUDA_HOME PATH="$CUDA_HOME/bin:$PATH"
    local folder
    for folder in "$CUDA_HOME/lib" "$CUDA_HOME/lib64" "$CUDA_HOME/lib64/stubs"; do
        if [ -d "$folder" ]; then link_args+=(-L "native=$folder"); fi
    done
    say "Building for compute capability $CUDA_COMPUTE_CAP and newer with $CUDA_HOME (10 to 30 minutes)"
    # A folder of its own, so that this build and the one without CUDA do not undo each other.
    cargo rustc --release --locked --features cuda --bin handful --target-dir "$cuda_target" -- "${link_args[@]}"
}

check_system
find_toolkit || make_toolkit
build

libraries=$CUDA_HOME/lib
[ -e "$libraries/libcublas.so" ] || libraries=$CUDA_HOME/lib64
say "Built: $cuda_target/release/handful"
cat <<EOS
It needs NVIDIA's driver (libcuda.so.1) and these libraries, which lie here in $libraries:
$(cd "$libraries" && ls -d libcublas.so.* libcublasLt.so.* libcudart.so.* libcurand.so.* 2>/dev/null | sed 's/^/    /')
Where the system does not know them, name their folder:
    LD_LIBRARY_PATH=$libraries $cuda_target/release/handful doctor --check-device cuda
EOS
