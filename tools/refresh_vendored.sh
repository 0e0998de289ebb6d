#!/bin/sh
# Fetch the two libraries of the Tracking tabs anew from the npm registry: tools/refresh_vendored.sh [htmx version] [chart.js version]
# Nothing is built: the published files are taken as they are, each beside its licence.
set -eu
HTMX=${1:-2.0.11} CHART=${2:-4.6.1}
CHECKOUT=$(cd "$(dirname "$0")/.." && pwd)
TARGET=$CHECKOUT/plugins/sillage/tabs/static/vendor
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"
npm pack --silent "htmx.org@$HTMX" "chart.js@$CHART" >/dev/null
for archive in *.tgz; do mkdir "${archive%.tgz}" && tar xzf "$archive" -C "${archive%.tgz}"; done
rm -rf "$TARGET" && mkdir -p "$TARGET"
cp "htmx.org-$HTMX/package/dist/htmx.min.js" "$TARGET/htmx.min.js"
cp "htmx.org-$HTMX/package/LICENSE" "$TARGET/htmx.LICENSE"
# The map stays out: nobody debugs the library here, and a browser asks for what the last line names.
sed '/^\/\/# sourceMappingURL=/d' "chart.js-$CHART/package/dist/chart.umd.min.js" >"$TARGET/chart.umd.min.js"
cp "chart.js-$CHART/package/LICENSE.md" "$TARGET/chart.LICENSE"
printf 'htmx %s (0BSD), dist/htmx.min.js of the npm package htmx.org\nChart.js %s (MIT), dist/chart.umd.min.js of the npm package chart.js\n' "$HTMX" "$CHART" >"$TARGET/VERSIONS"
( cd "$TARGET" && sha256sum htmx.min.js chart.umd.min.js >>VERSIONS )
cat "$TARGET/VERSIONS"
