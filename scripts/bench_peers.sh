#!/usr/bin/env bash
# Times Handful beside the programs people would use instead, in turn on the same files, and prints a table of medians.
#
#   scripts/bench_peers.sh PEERS DATA PYTHON [OUT]
#
# PEERS   a folder with setfit_train.py, finetune_train.py and encode.py, each printing one JSON line (train_s or texts/s, accuracy, peak_mb)
# DATA    a folder with fewshot/{ag_news_cased,sst2}/n8_seed{0..4}.jsonl and test.jsonl, and ag_news_cased/{train,test}.jsonl
# PYTHON  an interpreter that has what the peers need
# OUT     where every single figure is kept, one JSON line each (default: target/bench_peers.jsonl); figures there are not taken again
#
# SEEDS (default "0 1 2 3 4") and ROUNDS (default 3, of encoding) make it shorter. Nothing else may run meanwhile: it stops where the
# machine is busy when it begins.

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" run

[ $# -ge 3 ] || fail "usage: scripts/bench_peers.sh PEERS DATA PYTHON [OUT]"
peers=$(cd "$1" && pwd) data=$(cd "$2" && pwd) python=$3 out=${4:-$TARGET_DIR/bench_peers.jsonl}
load=$(cut -d ' ' -f 1 /proc/loadavg)
awk -v load="$load" 'BEGIN { exit !(load < 0.7) }' || fail "The machine is busy (load $load): wait, then start this again."

cargo build --release --locked
handful="$PWD/$TARGET_DIR/release/handful"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HANDFUL_CONFIG="$work/config"
touch "$out"

# keep WHAT KEY COMMAND...: runs the command unless its figure is known, and keeps the last JSON line of its output.
keep() {
    local what=$1 key=$2 line
    shift 2
    if grep -qF "{\"what\": \"$what\", \"key\": \"$key\"," "$out"; then return; fi
    say "$what, $key"
    line=$("$@" 2>"$work/stderr" | tail -n 1) || { tail -n 5 "$work/stderr" >&2; fail "$what failed"; }
    printf '{"what": "%s", "key": "%s", "result": %s}\n' "$what" "$key" "$line" >>"$out"
}

# A project with a training and a test file, made once.
project() {
    local file="$work/$1.handful"
    if [ ! -e "$file" ]; then
        "$handful" new "$file" --task single-label >&2
        "$handful" import "$file" "$2" --split train >&2
        "$handful" import "$file" "$3" --split test >&2
    fi
    printf '%s' "$file"
}

peer() { (cd "$peers" && "$python" "$@"); }
ours() { "$handful" train "$@" --set folds=0 --json | tr -d '\n'; }
fine_tune() { "$handful" train "$@" --method finetune --set num_epochs=1 --json | tr -d '\n'; }
embed() { "$handful" embed "$work/texts.jsonl" --text-column text --out "$work/vectors.npy" "$@" --json | tr -d '\n'; }

for set in ag_news_cased sst2; do
    for seed in ${SEEDS:-0 1 2 3 4}; do
        few="$data/fewshot/$set/n8_seed$seed.jsonl" test="$data/fewshot/$set/test.jsonl"
        file=$(project "$set-$seed" "$few" "$test")
        keep "setfit peer $set" "$seed" peer setfit_train.py "$few" "$test"
        keep "setfit f32 $set" "$seed" ours "$file" --method setfit --seed "$seed"
        keep "setfit bf16 $set" "$seed" ours "$file" --method setfit --seed "$seed" --precision bf16
        # A step is a step: two splits are enough to time the sampler that draws pairs as setfit does.
        if [ "$seed" -lt 2 ]; then
            iterations=(--method setfit --seed "$seed" --set sampler=iterations --set learning_rate=2e-5)
            keep "iterations f32 $set" "$seed" ours "$file" "${iterations[@]}"
            keep "iterations bf16 $set" "$seed" ours "$file" "${iterations[@]}" --precision bf16
        fi
        rm -rf "$work/$set-$seed.handful-files"
    done
done

head -n 2000 "$data/ag_news_cased/test.jsonl" >"$work/texts.jsonl"
for round in $(seq "${ROUNDS:-3}"); do
    keep "encode peer" "$round" peer encode.py "$work/texts.jsonl" 2000
    keep "encode f32" "$round" embed
    keep "encode bf16" "$round" embed --precision bf16
done

file=$(project fine "$data/ag_news_cased/train.jsonl" "$data/ag_news_cased/test.jsonl")
keep "finetune f32" 42 fine_tune "$file" --seed 42
keep "finetune peer" 42 peer finetune_train.py "$data/ag_news_cased/train.jsonl" "$data/ag_news_cased/test.jsonl" 1 32 5e-5 128
keep "finetune bf16" 42 fine_tune "$file" --seed 42 --precision bf16

python3 scripts/bench_table.py "$out"
