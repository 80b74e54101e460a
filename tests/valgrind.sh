#!/usr/bin/env bash
# valgrind.sh BUILD [FILE.bats]...: tests with every filter under valgrind. A filter that makes an error ends with 99, and
# the error is shown at the end. The two servers run as they are.
#
# Left out unless they are named, because each would take hours or looks at time and memory: vec-batch.bats (json.bats
# runs vec-batch), network, stop, tls, oom, pipe, and those of the servers. make check SAN=1 has all of them.
set -eu
cd "$(dirname "$0")"
build=$1
shift
[ $# -gt 0 ] || set -- json.bats secrets.bats vec-chunk.bats hf-embed.bats pc-[!l]*.bats pc-list.bats
at=$build/valgrind
rm -rf "$at"
mkdir -p "$at/logs"
for program in "$build"/*; do
	name=${program##*/}
	if [ ! -f "$program" ] || [ ! -x "$program" ]; then
		continue
	fi
	case $name in
	hf-local | pc-local)
		ln -s "$program" "$at/$name"
		;;
	*)
		printf '#!/bin/sh\nexec valgrind -q --leak-check=no --log-file="%s/%s.%%p" --error-exitcode=99 "%s" "$@"\n' \
			"$at/logs" "$name" "$program" >"$at/$name"
		chmod +x "$at/$name"
		;;
	esac
done
ln -s "$build/tests" "$at/tests"
status=0
VECPIPE_BUILD=$at ./run "$@" || status=1
find "$at/logs" -type f -size +0 -exec grep -h -A 12 '^==' {} + || true
[ -z "$(find "$at/logs" -type f -size +0)" ] && exit "$status"
exit 1
