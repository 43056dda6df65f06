#!/bin/sh
# Deploys the branch that was pushed. A job calls it with `sh ci-deploy.sh`, in a clone with its .git folder, and with
# the variables that deploy.toml names. Let one job of a branch end before the next begins.
set -eu
cd "$(dirname "$0")"

url=https://github.com/gohugoio/hugo/releases/download/v0.147.0/hugo_extended_0.147.0_linux-amd64.tar.gz
curl --fail --location --silent --show-error "$url" | sudo tar --extract --gzip --directory /usr/local/bin hugo

# begin cargo xtask init: deploy
# The tool is compiled once for each Cargo.lock, .cargo/ and xtask/.
XTASK_SITE_SOURCES=$(git ls-tree HEAD .cargo Cargo.lock xtask | git hash-object --stdin)
export XTASK_SITE_SOURCES
tools=${XDG_CACHE_HOME:-$HOME/.cache}/xtask-site
tool=$tools/xtask-$XTASK_SITE_SOURCES
if ! "$tool" --version 2> /dev/null; then
  command -v rustup || curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --default-toolchain none
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  rustup toolchain install 1.95 --profile minimal --no-self-update
  rustup run 1.95 cargo build --locked --profile xtask-ci --package xtask --no-default-features --target-dir target
  mkdir -p "$tools"
  find "$tools" -type f -mtime +30 -delete
  cp target/xtask-ci/xtask "$tool.new"
  mv "$tool.new" "$tool"
fi
"$tool" deploy "$@"
# end cargo xtask init: deploy
