# vecpipe-scale(7): parts of one job side by side, and again
load helper

setup() {
	command -v parallel >/dev/null || skip 'no GNU parallel'
	export PARALLEL_HOME=$BATS_TEST_TMPDIR/parallel
	mkdir -p "$PARALLEL_HOME"
	: >"$PARALLEL_HOME/will-cite"
	cd "$BATS_TEST_TMPDIR"
}

pipes() {
	parallel --pipe -N 500 -j 2 "$@" 'set -o pipefail; vec-batch -1 -l -H | hf-embed -q | pc-upsert -q demo'
}

@test "scale: under GNU parallel nothing is lost, the receipts tell how much there is, and again changes nothing" {
	start_fault
	export SHELL=/bin/bash
	lines 3000 >texts
	for round in 1 2; do
		pipes <texts >receipts
		[ "$(jq -s 'map(.upsertedCount) | add' receipts)" -eq 3000 ]
		[ "$(audit upserted.distinct)" -eq 3000 ]
	done
	[ "$(audit upserted.duplicates)" -eq 3000 ]
	[ "$(audit upserted.mismatched)" -eq 0 ]
}

@test "scale: a part that fails half way is done again by parallel, and nothing is there twice" {
	start_fault --fault 'upsert:2:status=403'
	export SHELL=/bin/bash
	lines 3000 >texts
	pipes --retries 3 <texts >receipts
	[ "$(jq -s 'map(.upsertedCount) | add' receipts)" -eq 3000 ]
	[ "$(audit upserted.distinct)" -eq 3000 ]
	[ "$(audit 'statuses["403"]')" -eq 1 ]
	[ "$(audit upserted.mismatched)" -eq 0 ]
}

@test "scale: several at once with --create make one index" {
	start_fault --index other
	export SHELL=/bin/bash
	run --separate-stderr parallel --pipe -N 100 -j 4 \
		'set -o pipefail; vec-batch -1 -l -H | hf-embed -q | pc-upsert -q --create demo' < <(lines 1000)
	echo "$stderr"
	[ "$status" -eq 0 ]
	[ "$(jq -s 'map(.upsertedCount) | add' <<<"$output")" -eq 1000 ]
}
