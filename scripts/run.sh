#!/usr/bin/env bash
# Builds Handful, fetches the default encoder and opens the app on the sample project.
# Without a display the same journey runs in the terminal: import, train, tune, report, export, pictures of the screens.
# The second run needs no network. Arguments go to `handful`: `scripts/run.sh train my.handful --method probe`.

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" run

say "Building (the first time takes minutes)"
cargo build --release --locked
handful="$TARGET_DIR/release/handful"
"$handful" models get all-MiniLM-L6-v2

if [ $# -gt 0 ]; then
    exec "$handful" "$@"
elif [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    say "There is no display here, so the sample project runs without a window"
    exec "$handful" demo
else
    say "Opening the sample project"
    exec "$handful" demo --open
fi
