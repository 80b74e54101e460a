#!/usr/bin/env bash
# valgrind.sh BUILD [FILE.bats]...: tests with every filter under valgrind, and with VALGRIND=all the two servers too, which
# else run as they are. A program that makes an error ends with 99, and the error is shown at the end.
#
# Some tests can't pass here, so their files are left out unless they are named; make check SAN=1 has all of them:
#   network, stop  some deadlines are over before a program under valgrind has begun
#   vec-batch      one has a limit on memory; one runs thousands of programs (json.bats has vec-batch too)
#   stop, vec-batch  closed standard output: valgrind's own log would take its number
#   pc-local       posix_spawn does not say that a command is not there; the rest of pc-local.bats passes with VALGRIND=all
#   oom            it has allocation functions of its own
set -eu
cd "$(dirname "$0")"
build=$1
shift
[ $# -gt 0 ] || set -- json.bats secrets.bats pipe.bats tls.bats vec-chunk.bats hf-embed.bats pc-[!l]*.bats pc-list.bats
at=$build/valgrind
rm -rf "$at"
mkdir -p "$at/logs"
for program in "$build"/*; do
	name=${program##*/}
	if [ ! -f "$program" ] || [ ! -x "$program" ]; then
		continue
	fi
	if [ "${VALGRIND-}" != all ] && [[ $name == ??-local ]]; then
		ln -s "$program" "$at/$name"
		continue
	fi
	printf '#!/bin/sh\nexec valgrind -q --leak-check=no --log-file="%s/%s.%%p" --error-exitcode=99 "%s" "$@"\n' \
		"$at/logs" "$name" "$program" >"$at/$name"
	chmod +x "$at/$name"
done
ln -s "$build/tests" "$at/tests"
status=0
VECPIPE_BUILD=$at ./run "$@" || status=1
find "$at/logs" -type f -size +0 -exec grep -h -A 12 '^==' {} + || true
[ -z "$(find "$at/logs" -type f -size +0)" ] && exit "$status"
exit 1
