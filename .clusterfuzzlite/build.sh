#!/bin/bash -eu
# Builds the targets, each with its seeds, and puts the suite beside them, which tells them what is known.
cd "$SRC/touchstone"
cargo fuzz build --release --sanitizer none
for target in calls paths abi module oracle; do
    cp "${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/$target" "$OUT/$target"
    [ "$target" = module ] || zip -q -j "$OUT/${target}_seed_corpus.zip" suites/preview1/*/*.script
    printf '[libfuzzer]\nmax_len = 4096\ntimeout = 30\n' > "$OUT/$target.options"
done
cp -r suites "$OUT/suites"
