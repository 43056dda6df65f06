#!/bin/sh
# Deploys the branch that was pushed. A job calls it with `sh ci-deploy.sh`, in a clone with its .git folder, and with
# the variables that deploy.toml names. Let one job of a branch end before the next begins.
set -eu
cd "$(dirname "$0")"

@generator@

# begin cargo xtask init: deploy
# The tool is compiled once for each Cargo.lock, .cargo/ and xtask/.
XTASK_SITE_SOURCES=$(git ls-tree HEAD .cargo Cargo.lock xtask | git hash-object --stdin)
export XTASK_SITE_SOURCES
tools=${XDG_CACHE_HOME:-$HOME/.cache}/xtask-site
tool=$tools/xtask-$XTASK_SITE_SOURCES
@compile@
@deploy@
# end cargo xtask init: deploy
