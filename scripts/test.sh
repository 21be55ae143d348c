#!/usr/bin/env bash
# All tests, with the real default encoder. The second run needs no network. Arguments go to the test runner: `scripts/test.sh core::`.

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" test

if cargo nextest --version >/dev/null 2>&1; then
    runner=(cargo nextest run --locked)
else
    runner=(cargo test --locked --lib --bins --tests)
fi
"${runner[@]}" --no-run
# The binary the tests use has just been built.
"$TARGET_DIR/debug/handful" models get all-MiniLM-L6-v2
"${runner[@]}" "$@"
cargo test --doc --locked
