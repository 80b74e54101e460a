load helper

# The tests in C: one program for each file of tests/unit, each sees to one file of lib/.

@test "unit: every program in tests/unit finds what it expects" {
	local source program count=0 bad=0

	cd "$BATS_TEST_TMPDIR"
	for source in "$REPO"/tests/unit/*.c; do
		program=$BUILD/tests/unit/$(basename "$source" .c)
		run "$program"
		if [ "$status" -ne 0 ]; then
			echo "$program: status $status: $output"
			bad=$((bad + 1))
		fi
		count=$((count + 1))
	done
	[ "$count" -gt 0 ]
	[ "$bad" -eq 0 ]
}

@test "unit: the vector scanner finds the same with each instruction set" {
	for cpu in plain avx2 avx512; do
		VP_CPU=$cpu run "$BUILD/tests/unit/decimals"
		[ "$status" -eq 0 ]
	done
}
