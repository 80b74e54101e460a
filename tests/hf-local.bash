# hf-local: what its test files share: `load helper`, then `load hf-local`.
#
# agrees MODEL [FILE [PROMPT]]  token ids and embeddings are those of a reference, by each kernel, alone and in a chunk
# broken MODEL                  a copy of it to break, in $broken
# json FILE FILTER              change one of the copy's JSON files
# refused STATUS TEXT           the copy is refused with that status and one line, which has TEXT in it
# is LINES                      what was said on standard output, and nothing else

MODELS=$REPO/tests/data/models

agrees() {
	local reference=$MODELS/$1/${2:-reference.jsonl}

	run model-check "$MODELS/$1" "$reference" "${@:3}"
	[ "$status" -eq 0 ] && [[ $output == "$(wc -l <"$reference") texts"*'plain, 1 at a time'* ]] || {
		echo "$output"
		return 1
	}
}

broken() {
	broken=$BATS_TEST_TMPDIR/broken
	rm -rf "$broken"
	cp -r "$MODELS/$1" "$broken"
	chmod -R u+w "$broken"
}

json() {
	jq -c "$2" "$broken/$1" >"$BATS_TEST_TMPDIR/new"
	mv "$BATS_TEST_TMPDIR/new" "$broken/$1"
}

refused() {
	run --separate-stderr hf-local "$broken" -- echo served
	[ "$status" -eq "$1" ] && [ -z "$output" ] && [[ $stderr == "hf-local: $broken"*"$2"* ]] && [[ $stderr != *$'\n'* ]] || {
		echo "status $status, not $1: $output: $stderr"
		return 1
	}
}

is() {
	[ "$output" = "$1" ] || {
		echo "$output"
		return 1
	}
}
