#!/bin/sh
# The programs built for arm64 and run under qemu-user: tests/check-arm64.sh [FILE.bats ...]. It needs
# gcc-aarch64-linux-gnu, qemu-user, and the arm64 packages of the libraries (dpkg --add-architecture arm64).
set -eu
cd "$(dirname "$0")/.."
here=$PWD/build/arm64
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
	if ! command -v $tool >/dev/null; then
		echo "check-arm64: $tool: not found: see the head of $0 for what to install" >&2
		exit 69
	fi
done
make --no-print-directory CC=aarch64-linux-gnu-gcc B=build/arm64 test-programs

# in build/arm64/run each program is a script that runs it under qemu, so the tests need not know
(cd "$here" && find . -type f -perm -u+x ! -path './run/*') | while read -r program; do
	mkdir -p "$here/run/${program%/*}"
	printf '#!/bin/sh\nexec qemu-aarch64 -L / "%s" "$@"\n' "$here/$program" >"$here/run/$program"
	chmod +x "$here/run/$program"
done
[ $# -gt 0 ] || set -- unit.bats hf-local-families.bats pipe.bats
VECPIPE_BUILD=$here/run VECPIPE_MODEL=$(examples/model.sh) tests/run "$@"
