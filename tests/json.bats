load helper

# JSONTestSuite by Nicolas Seriot (tests/data): y_ must be accepted, n_ refused, i_ may go either way.

setup() {
	cd "$REPO/tests/data/JSONTestSuite"
}

# Whether all of the suite's files whose name begins with $1, $2 of them, get the verdict $3.
verdict() {
	run "$BUILD/tests/unit/json" "$1"_*
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq "$2" ]
	local line bad=0
	for line in "${lines[@]}"; do
		[[ $line == $3\ * ]] || { echo "not $3: $line"; bad=1; }
	done
	[ "$bad" -eq 0 ]
}

@test "json: accepts all that JSONTestSuite says must be accepted" {
	verdict y 95 accepted
}

@test "json: refuses all that JSONTestSuite says must be refused" {
	verdict n 188 refused
}

@test "json: comes to a verdict on what JSONTestSuite leaves open" {
	verdict i 35 '*ed'
}

@test "json: of what is left open, refuses bad UTF-8, UTF-16 and byte order marks, accepts any number" {
	run "$BUILD/tests/unit/json" i_*
	[ "$status" -eq 0 ]
	run grep -c '^accepted i_number' <<<"$output"
	[ "$output" -eq "$(ls i_number* | wc -l)" ]
	run "$BUILD/tests/unit/json" i_string_UTF-8_invalid_sequence.json i_string_UTF-16LE_with_BOM.json \
		i_structure_UTF-8_BOM_empty_object.json i_string_overlong_sequence_2_bytes.json
	[ "$status" -eq 0 ]
	[ "$(grep -c '^refused ' <<<"$output")" -eq 4 ]
}

@test "json: vec-batch says the same of each file that is one line with an object" {
	local file n=0 want
	for file in [yn]_*.json; do
		[ "$(wc -l <"$file")" -eq 0 ] && [ "$(head -c 1 "$file")" = '{' ] || continue
		[[ $file == y_* ]] && want=0 || want=65
		run vec-batch -1 <"$file"
		[ "$status" -eq "$want" ] || { echo "$file: $status: $output"; return 1; }
		n=$((n + 1))
	done
	[ "$n" -gt 20 ]
}
