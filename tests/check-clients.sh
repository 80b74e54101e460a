#!/bin/sh
# The official Python client against pc-local, unchanged. Needs the network once, for pip.
#
#	tests/check-clients.sh [build folder [version ...]]
#
# Versions are those of the package pinecone; "newest" is what pip takes by itself. The virtual environments stay
# in the build folder for the next time.
set -eu

build=${1:-build}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- 9.0.1 newest
tests=$(dirname "$0")

for version; do
	venv=$build/clients/$version
	if [ ! -x "$venv/bin/python" ]; then
		python3 -m venv "$venv"
		if [ "$version" = newest ]; then
			"$venv/bin/pip" install --quiet pinecone
		else
			"$venv/bin/pip" install --quiet "pinecone==$version"
		fi
	fi
	file=$(mktemp -d)
	"$build/pc-local" "$file/db" -- "$venv/bin/python" "$tests/check-clients.py"
	rm -rf "$file"
done
