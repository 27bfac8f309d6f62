#!/bin/sh
# Puts the coding agents that the system tests drive into .tools of this checkout, at the tested versions.
set -eu
cd "$(dirname "$0")/../.."
CODEX=0.169.0
installed=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' .tools/node_modules/@openai/codex/package.json 2>/dev/null || true)
if [ "$installed" != "$CODEX" ]; then
    mkdir -p .tools
    npm install --prefix .tools --no-fund --no-audit "@openai/codex@$CODEX"
fi
