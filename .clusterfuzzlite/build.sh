#!/bin/bash -eu
# Builds the targets, each with its seeds, and puts the suite beside them, which tells them what is known.
cd "$SRC/touchstone"
sanitizer=${SANITIZER:-address}
# cargo-fuzz has no such one: what coverage needs stands in RUSTFLAGS
[ "$sanitizer" != coverage ] || sanitizer=none
cargo fuzz build --release --sanitizer "$sanitizer"
# seeds are called by their area as well: two areas may have a case of the same name
seeds=$(mktemp -d)
for case in suites/preview1/*/*.script; do
    area=$(basename "$(dirname "$case")")
    cp "$case" "$seeds/$area-$(basename "$case")"
done
for target in calls paths abi module oracle; do
    cp "${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/$target" "$OUT/$target"
    [ "$target" = module ] || zip -q -j -r "$OUT/${target}_seed_corpus.zip" "$seeds"
    printf '[libfuzzer]\nmax_len = 4096\ntimeout = 30\n' > "$OUT/$target.options"
done
cp -r suites "$OUT/suites"
