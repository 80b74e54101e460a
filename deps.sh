#!/bin/sh
# Install what building, testing and the demo need and this machine lacks; say nothing where all is there.
# `deps.sh build`; `deps.sh demo`, `deps.sh check` and `deps.sh bench` include it.
# shellcheck disable=SC2317 # functions that are called by need
set -eu
what=${1:-check}
missing=

need() { # PACKAGE TEST...: the package is wanted where the test fails
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
header() {
	printf '#include <%s>\n' "$1" | ${CC:-cc} -E -x c - >/dev/null
}
pip_there() {
	python3 -c 'import pip, zipfile'
}
certificates() {
	[ -s "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" ]
}

need make command -v make
if ! command -v "${CC:-cc}" >/dev/null; then
	missing="$missing gcc libc6-dev libcurl4-openssl-dev libjq-dev libmicrohttpd-dev libsqlite3-dev libutf8proc-dev"
else
	need libc6-dev header stdio.h
	need libcurl4-openssl-dev header curl/curl.h
	need libjq-dev header jq.h
	need libmicrohttpd-dev header microhttpd.h
	need libsqlite3-dev header sqlite3.h
	need libutf8proc-dev header utf8proc.h
fi
if [ "$what" != build ]; then
	need jq command -v jq
	need curl command -v curl
	need ca-certificates certificates
	need python3 command -v python3
	need python3-pip pip_there
fi
if [ "$what" = check ]; then
	need bats command -v bats
	need mandoc command -v mandoc
	need parallel command -v parallel
	need bsdextrautils command -v col
	need procps command -v ps
	need sqlite3 command -v sqlite3
	need openssl command -v openssl
fi
if [ "$what" = bench ]; then
	need time test -x /usr/bin/time
	need gnuplot-nox command -v gnuplot
	need nodejs command -v node
	need npm command -v npm
	need python3-venv python3 -c 'import ensurepip'
fi
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null; then
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo=sudo
	echo "installing:$missing"
	$sudo apt-get -qq update
	# shellcheck disable=SC2086 # a list of packages
	DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y --no-install-recommends $missing >/dev/null
	exit 0
fi
cat >&2 <<EOF
deps.sh: missing here, by their Debian names:$missing
On other systems these packages have all of it:
  dnf:    gcc make libcurl-devel jq jq-devel libmicrohttpd-devel sqlite sqlite-devel utf8proc-devel bats mandoc curl python3-pip
  apk:    build-base bash curl-dev jq jq-dev libmicrohttpd-dev sqlite sqlite-dev utf8proc-dev bats mandoc curl py3-pip
  pacman: base-devel curl jq libmicrohttpd sqlite libutf8proc bash-bats mandoc python-pip
  brew:   curl jq libmicrohttpd sqlite utf8proc bats-core mandoc python
EOF
exit 1
