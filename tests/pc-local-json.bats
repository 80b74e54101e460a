load helper

# pc-local: bodies of any shape. Each file of JSONTestSuite, and what it becomes inside a request, is sent to each
# call that takes a body.

# Requests for curl: `request PATH FILE`, all to be sent by one process.
request() {
	printf 'next\nurl = "%s"\nheader = "Api-Key: %s"\ndata-binary = "@%s"\nsilent\nwrite-out = "\\n%%{http_code} %s %s\\n"\n' \
		"$PINECONE_CONTROLLER_HOST$1" "$PINECONE_API_KEY" "$2" "$1" "${2##*/}"
}

all_requests() {
	local file path part

	for file in "$REPO"/tests/data/JSONTestSuite/*; do
		for path in /indexes /data.plane/demo/{vectors/{upsert,update,delete,fetch_by_metadata},query,describe_index_stats,namespaces}; do
			request "$path" "$file"
		done
		for part in values metadata filter topK; do
			case $part in
			values) { printf '{"vectors":[{"id":"a","values":' && cat "$file" && printf '}]}'; } ;;
			metadata) { printf '{"vectors":[{"id":"a","values":[1,2],"metadata":{"m":' && cat "$file" && printf '}}]}'; } ;;
			filter) { printf '{"topK":3,"vector":[1,2],"filter":{"m":' && cat "$file" && printf '}}'; } ;;
			topK) { printf '{"vector":[1,2],"topK":' && cat "$file" && printf '}'; } ;;
			esac >"$BATS_TEST_TMPDIR/$part-${file##*/}"
		done
		request /data.plane/demo/vectors/upsert "$BATS_TEST_TMPDIR/values-${file##*/}"
		request /data.plane/demo/vectors/upsert "$BATS_TEST_TMPDIR/metadata-${file##*/}"
		request /data.plane/demo/query "$BATS_TEST_TMPDIR/filter-${file##*/}"
		request /data.plane/demo/query "$BATS_TEST_TMPDIR/topK-${file##*/}"
	done
}

@test "pc-local: no body makes it fail, each answer is JSON, and what is no JSON is refused" {
	export -f request all_requests
	export REPO BATS_TEST_TMPDIR
	run pc-local "$BATS_TEST_TMPDIR/db" -- bash -c '
		curl -sS -o /dev/null -H "Api-Key: $PINECONE_API_KEY" "$PINECONE_CONTROLLER_HOST/indexes" \
			-d "{\"name\":\"demo\",\"dimension\":2,\"spec\":{\"serverless\":{\"cloud\":\"a\",\"region\":\"b\"}}}"
		all_requests | tail -n +2 >"$BATS_TEST_TMPDIR/requests"
		curl -sS -K "$BATS_TEST_TMPDIR/requests" >"$BATS_TEST_TMPDIR/answers"
		echo "$?"
		curl -sS -H "Api-Key: $PINECONE_API_KEY" "$PINECONE_CONTROLLER_HOST/data.plane/demo/describe_index_stats" -d "{}"'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 0 ]
	[[ ${lines[1]} = '{"namespaces":'* ]]
	[ "$(grep -cE '^[0-9]{3} /' "$BATS_TEST_TMPDIR/answers")" -eq "$(grep -c '^url' "$BATS_TEST_TMPDIR/requests")" ]
	run ! grep -E '^5[0-9]{2} /' "$BATS_TEST_TMPDIR/answers"
	# (statistics may be asked for without a body)
	run grep -E '^2[0-9]{2} .*[ -]n_' "$BATS_TEST_TMPDIR/answers"
	[ "$output" = '200 /data.plane/demo/describe_index_stats n_structure_no_data.json' ]
	grep -vE '^([0-9]{3} /.*|)$' "$BATS_TEST_TMPDIR/answers" | jq -c . >"$BATS_TEST_TMPDIR/checked"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/checked")" -gt 3000 ]
}
