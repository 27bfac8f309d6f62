#!/bin/sh
# Puts the coding agents that the system tests drive into .tools of this checkout, at the tested versions: some 1.2 GB.
set -eu
cd "$(dirname "$0")/../.."
WANTED="@anthropic-ai/claude-code@2.1.330 @google/gemini-cli@0.61.0 @openai/codex@0.169.0 opencode-ai@1.18.33"

there() {
    for wanted in $WANTED; do
        installed=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' ".tools/node_modules/${wanted%@*}/package.json" 2>/dev/null || true)
        [ "$installed" = "${wanted##*@}" ] || return 1
    done
}

if ! there; then
    mkdir -p .tools
    # Of two that come here at once the second finds everything in place.
    exec 9>.tools/lock
    flock 9
    # shellcheck disable=SC2086 # one word each
    there || npm install --prefix .tools --no-fund --no-audit --no-progress --save-exact $WANTED
fi
