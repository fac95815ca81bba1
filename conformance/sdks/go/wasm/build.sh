#!/bin/sh
# Builds the package into a folder: ./build.sh FOLDER
set -e
mkdir -p "$1"
GOOS=js GOARCH=wasm go build -trimpath -ldflags='-s -w' -o "$1/flk.wasm" .
root=$(go env GOROOT)
cp "$root/lib/wasm/wasm_exec.js" "$1" 2>/dev/null || cp "$root/misc/wasm/wasm_exec.js" "$1" # where it was before Go 1.24
cp -r package.json biome.json .npmrc flk.js flk.test.js flk-subject flk-deliver flk-bench "$1"
