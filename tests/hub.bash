# hub: `load hub` after helper, for tests of what talks to Hugging Face's management API or to the dataset viewer.
#
# start_hub [OPTION]...  tests/hub.py with those options; sets HUB_URL and, for `requests`, FAULT_LOG, and exports what a
#                        client needs to find it; stops with the test
# hub_says TEXT          stderr is that, with the server's address as URL

start_hub() {
	local at word port

	at=$(mktemp -d "$BATS_TEST_TMPDIR/fault.XXXXXX")
	FAULT_LOG=$at/log
	mkfifo "$at/port"
	python3 "$REPO/tests/hub.py" --log "$FAULT_LOG" "$@" >"$at/port" 2>"$at/err" </dev/null 3>&- &
	SERVERS+=("$!")
	read -r word port <"$at/port" || true
	if [ "$word" != port ]; then
		cat "$at/err" >&2
		return 1
	fi
	HUB_URL=http://127.0.0.1:$port
	export HF_TOKEN=hf_test HF_ENDPOINTS_API=$HUB_URL HF_DATASETS_SERVER=$HUB_URL
}

hub_says() {
	[ "${stderr//$HUB_URL/URL}" = "$1" ] || {
		echo "${stderr//$HUB_URL/URL}"
		return 1
	}
}
