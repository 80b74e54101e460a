# examples/tutorial.sh: every step of it on this machine, with a model of random weights.
load helper

setup() {
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache TMPDIR=$BATS_TEST_TMPDIR
	mkdir -p "$XDG_CACHE_HOME/vecpipe"
	ln -s "$REPO/tests/data/models/bert-mean" "$XDG_CACHE_HOME/vecpipe/all-MiniLM-L6-v2"
	export SNLI=$REPO/tests/data/snli-dev.ndjson
}

@test "tutorial: from nothing to clean-up" {
	N=100 run --separate-stderr timeout 120 "$REPO/examples/tutorial.sh" --local
	echo "$output" "$stderr"
	[ "$status" -eq 0 ]
	[[ $output == *'"state":"running"'*'"dimension":32'*'"state":"Ready"'* ]]
	[[ $output == *'100 records acknowledged'*'"totalVectorCount":100'* ]]
	[ "$(grep -cE '^  -?[0-9.]+'$'\t' <<<"$output")" -eq 15 ]
	[[ $output == *'Delete the index'*'"deleted":true'*'Delete the endpoint'*'"deleted":true'* ]]
}

@test "tutorial: what was made is deleted where a step fails" {
	echo 'no JSON' >"$BATS_TEST_TMPDIR/rows"
	SNLI=$BATS_TEST_TMPDIR/rows run --separate-stderr timeout 120 "$REPO/examples/tutorial.sh" --local
	echo "$output" "$stderr"
	[ "$status" -ne 0 ]
	[[ $stderr == *'vec-batch: line 1: not JSON'* ]]
	[[ $output == *'Delete the index'*'"deleted":true'*'Delete the endpoint'*'"deleted":true'* ]]
}

@test "tutorial: an index that was there before stays" {
	pc-local "$BATS_TEST_TMPDIR/db" -- pc-index create -q -d 3 vecpipe-tutorial >/dev/null
	mkdir -p "$BATS_TEST_TMPDIR/models/sentence-transformers"
	ln -s "$REPO/tests/data/models/bert-mean" "$BATS_TEST_TMPDIR/models/sentence-transformers/all-MiniLM-L6-v2"
	run --separate-stderr timeout 120 hf-local --models "$BATS_TEST_TMPDIR/models" -- \
		pc-local "$BATS_TEST_TMPDIR/db" -- "$REPO/examples/tutorial.sh"
	echo "$output" "$stderr"
	[ "$status" -ne 0 ]
	[[ $output != *'Delete the index'* && $output == *'Delete the endpoint'* ]]
	pc-local "$BATS_TEST_TMPDIR/db" -- pc-index describe vecpipe-tutorial | jq -e '.dimension == 3'
}
