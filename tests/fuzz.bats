load helper

# The fuzz targets on the inputs that stand in tests/data/fuzz: one or two of each kind, and those that once failed.
# `make fuzz` looks for more.

@test "fuzz: every target bears what it was given before" {
	local source target n=0

	export TMPDIR=$BATS_TEST_TMPDIR
	for source in "$REPO"/tests/fuzz/*.c; do
		target=$(basename "$source" .c)
		[ "$target" != replay ] || continue
		run "$BUILD/tests/fuzz/$target" "$REPO/tests/data/fuzz/$target"/*
		[ "$status" -eq 0 ] || { echo "$target: $output"; return 1; }
		[[ ${lines[-1]} == *' replayed' ]]
		n=$((n + 1))
	done
	[ "$n" -ge 9 ]
}

@test "fuzz: the JSON target with each instruction set, on the JSON test suite too" {
	local cpu

	for cpu in plain avx2 avx512; do
		VP_CPU=$cpu run "$BUILD/tests/fuzz/json" "$REPO"/tests/data/fuzz/json/* "$REPO"/tests/data/JSONTestSuite/*.json
		[ "$status" -eq 0 ] || { echo "$cpu: $output"; return 1; }
	done
}

@test "fuzz: seeds can be made for every target" {
	local source target

	for source in "$REPO"/tests/fuzz/*.c; do
		target=$(basename "$source" .c)
		[ "$target" != replay ] || continue
		run "$REPO/tests/fuzz/seeds.sh" "$target" "$BATS_TEST_TMPDIR/$target"
		[ "$status" -eq 0 ]
		[ "$(ls "$BATS_TEST_TMPDIR/$target" | wc -l)" -gt 3 ]
	done
}
