#!/bin/sh
# The official clients for Python and TypeScript against pc-local, unchanged. Needs the network once, for pip and npm.
#
#	tests/check-clients.sh [build folder [package ...]]
#
# A package is py=VERSION or js=VERSION, those of the packages pinecone and @pinecone-database/pinecone. What has been
# installed stays in the build folder for the next time.
set -eu

build=${1:-build}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- py=9.0.1 py=10.2.0 js=8.2.0 js=9.0.0
tests=$(dirname "$0")

for package; do
	version=${package#*=}
	at=$build/clients/$package
	file=$(mktemp -d)
	export IMPORTS="$file/imports"
	mkdir "$IMPORTS"
	case $package in
	py=*)
		if [ ! -x "$at/bin/python" ]; then
			python3 -m venv "$at"
			"$at/bin/pip" install --quiet "pinecone==$version"
		fi
		"$build/pc-local" --imports "$IMPORTS" "$file/db" -- "$at/bin/python" "$tests/check-clients.py"
		;;
	js=*)
		[ -d "$at/node_modules" ] || npm install --silent --no-audit --no-fund --prefix "$at" "@pinecone-database/pinecone@$version"
		NODE_PATH=$at/node_modules "$build/pc-local" --imports "$IMPORTS" "$file/db" -- node "$tests/check-clients.js"
		;;
	*)
		echo "check-clients: $package: want py=VERSION or js=VERSION" >&2
		exit 64
		;;
	esac
	rm -rf "$file"
done
