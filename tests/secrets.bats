load helper

SECRET=hf_Zq8secretsecret
KEY=pcsk_Zq8keykeykey

# tokens  what the server was sent as Authorization, each once
tokens() {
	requests '.headers.authorization' | sort -u
}

# no_secret TEXT
no_secret() {
	if grep -e "$SECRET" -e "$KEY" <<<"$1"; then
		return 1
	fi
}

# A home without any token, and nothing that says where one is.
nowhere() {
	unset HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_TOKEN_PATH HF_HOME XDG_CACHE_HOME
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME/.cache/huggingface"
}

@test "secrets stand in no message: refusals, traces, faults, progress, stats" {
	for fault in status=401 status=403 status=500 status=422 reset cut status=429,retry-after=60 status=503 count=1 \
		redirect=http://127.0.0.1:1/; do
		start_fault --token "$SECRET" --fault "embed:*:$fault"
		HF_TOKEN=$SECRET run hf-embed -v --stats --retries 0 --deadline 300ms --wait 100ms < <(records 2)
		[ "$status" -ge 65 ]
		[ -n "$output" ]
		no_secret "$output"
		start_fault --api-key "$KEY" --fault "data:*:$fault" --fault "control:2:$fault"
		PINECONE_API_KEY=$KEY run pc-upsert -v --stats --retries 0 --deadline 300ms --wait 100ms demo \
			< <(echo '{"id":"a","values":[1,2,3,4,5,6,7,8]}')
		[ "$status" -ge 65 ] || [ "$fault" = count=1 ]
		no_secret "$output"
	done
}

@test "secrets stand in no command line, and in no file that it leaves" {
	start_fault --token "$SECRET" --fault 'embed:*:hang'
	HF_TOKEN=$SECRET hf-embed -v -r "$BATS_TEST_TMPDIR/rejects" < <(records 2) >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	local pid=$!
	until [ "$(audit total)" -ge 1 ]; do kill -0 "$pid"; done
	tr '\0' '\n' <"/proc/$pid/cmdline" >"$BATS_TEST_TMPDIR/cmdline"
	ps -ww -o args= -p "$pid" >"$BATS_TEST_TMPDIR/ps"
	kill -TERM "$pid"
	until grep -q 'once more' "$BATS_TEST_TMPDIR/err"; do kill -0 "$pid"; done
	while kill -TERM "$pid" 2>/dev/null; do :; done
	wait "$pid" || [ $? -eq 75 ]
	grep -q hf-embed "$BATS_TEST_TMPDIR/ps"
	cd "$BATS_TEST_TMPDIR"
	run ! grep -e "$SECRET" cmdline ps out err rejects
}

@test "a token goes over plain http to this machine only; nothing is sent elsewhere" {
	start_fault
	local port=${FAULT_URL##*:} host
	# names and addresses that lead here but are not loopback by their spelling, or only look it
	for host in 127.0.0.1.example.org localhost.example.org 127.evil.example 0.0.0.0 '[::]' example.org 10.0.0.1 \
		"$(hostname)" '[::ffff:10.0.0.1]'; do
		run --separate-stderr hf-embed "http://$host:$port/" < <(records 1)
		said 78 'hf-embed: url: a secret is sent over plain http only to this machine: use https'
		PINECONE_INDEX_HOST=http://$host:$port run --separate-stderr pc-upsert demo \
			< <(echo '{"id":"a","values":[1,2,3,4,5,6,7,8]}')
		[ "$status" -eq 78 ]
		[[ "$stderr" == *'a secret is sent over plain http only to this machine: use https' ]]
		PINECONE_CONTROLLER_HOST=http://$host:$port run --separate-stderr pc-upsert demo \
			< <(echo '{"id":"a","values":[1,2,3,4,5,6,7,8]}')
		[ "$status" -eq 78 ]
	done
	[ "$(audit total)" -eq 0 ]
	for host in 127.0.0.1 localhost 127.0.0.1; do
		run --separate-stderr hf-embed "http://$host:$port/" < <(records 1)
		said 0
	done
	[ "$(tokens)" = '"Bearer hf_test"' ]
}

@test "without a token plain http may go anywhere" {
	start_fault
	local port=${FAULT_URL##*:}
	HF_TOKEN='' run --separate-stderr hf-embed --retries 0 "http://0.0.0.0:$port/" < <(records 1)
	[ "$status" -eq 77 ] # it got there: this server wants a token
	[ "$(tokens)" = null ]
}

@test "https is verified: a server that can't show a certificate gets nothing" {
	start_fault
	run --separate-stderr hf-embed --retries 0 --timeout 500ms "https://127.0.0.1:${FAULT_URL##*:}/" < <(records 1)
	[ "$status" -eq 69 ]
	[ "$(audit total)" -eq 0 ]
}

@test "a redirect is not followed: the token goes to the address that was given" {
	start_fault
	local elsewhere=$FAULT_URL log=$FAULT_LOG
	start_fault --fault "embed:*:redirect=$elsewhere/" --fault "describe:*:redirect=$elsewhere/indexes/demo"
	run --separate-stderr hf-embed < <(records 1)
	[ "$status" -eq 76 ]
	[[ "${stderr_lines[0]}" == *': 307: '*"(to $elsewhere/)"*'a redirect is not followed: give the address itself' ]]
	[ "$(audit total)" -eq 1 ]
	run --separate-stderr pc-upsert demo < <(echo '{"id":"a","values":[1,2,3,4,5,6,7,8]}')
	[ "$status" -eq 76 ]
	[ ! -s "$log" ]
	[ "$(curl -sS "$elsewhere/audit" | jq .total)" -eq 0 ]
}

@test "a proxy does not get the secrets that are for this machine" {
	start_fault
	local proxy=$FAULT_URL log=$FAULT_LOG
	start_fault
	http_proxy=$proxy all_proxy=$proxy run --separate-stderr hf-embed < <(records 1)
	said 0
	http_proxy=$proxy run --separate-stderr pc-upsert demo < <(echo '{"id":"a","values":[1,2,3,4,5,6,7,8]}')
	said 0
	[ ! -s "$log" ]
	[ "$(audit total)" -eq 3 ]
	HF_TOKEN='' http_proxy=$proxy run --separate-stderr hf-embed http://endpoint.invalid/ < <(records 1) # none, so as in curl
	[[ "$stderr" == *': 400: an empty answer' ]] # the name leads nowhere: the proxy said that, as it is none
}

@test "a user name in the URL is refused, and not repeated" {
	start_fault
	local at=127.0.0.1:${FAULT_URL##*:}
	HF_ENDPOINT_URL=http://me:$SECRET@$at/ run --separate-stderr hf-embed < <(records 1)
	said 78 'hf-embed: HF_ENDPOINT_URL: holds a user name: messages show the URL, so no secret may stand in it'
	HF_ENDPOINT_URL=http://$SECRET@$at/ run --separate-stderr hf-embed < <(records 1)
	[ "$status" -eq 78 ]
	no_secret "$stderr"
	[ "$(audit total)" -eq 0 ]
}

@test "what stands behind ? in the URL is sent, and not shown" {
	start_fault --fault 'embed:1:status=503,retry-after=0' --fault 'embed:2:status=500'
	run --separate-stderr hf-embed --retries 0 -v "$FAULT_URL/?key=$SECRET" < <(records 1)
	[ "$status" -eq 69 ]
	[[ "$stderr" == *'not available yet (503)'*'): 500: '* ]]
	no_secret "$stderr"
	[ "$(requests .path | sort -u)" = "\"/?key=$SECRET\"" ]
}

@test "what could add a header of its own is refused before anything is sent" {
	start_fault
	for bad in $'a\r\nX-Evil: 1' $'a\nX-Evil: 1' $'a\rb' $'a\tb' 'a b' $'a\x7f' $'\xc3\xa9'; do
		HF_TOKEN=$bad run --separate-stderr hf-embed < <(records 1)
		said 78 'hf-embed: the Hugging Face token holds a blank or a control character: set it again'
		echo "$bad" >"$BATS_TEST_TMPDIR/token"
		[[ "$bad" == *$'\n'* ]] || {
			HF_TOKEN='' HF_TOKEN_PATH=$BATS_TEST_TMPDIR/token run --separate-stderr hf-embed < <(records 1)
			said 78 'hf-embed: the Hugging Face token holds a blank or a control character: set it again'
		}
	done
	for bad in $'a\r\nX-Evil: 1' $'a\nb' $'a\x7f'; do
		PINECONE_API_KEY=$bad run --separate-stderr pc-upsert demo </dev/null
		said 78 'pc-upsert: PINECONE_API_KEY: holds a control character: set it again without'
		HF_ENDPOINT_URL=$FAULT_URL/$bad run --separate-stderr hf-embed < <(records 1)
		[ "$status" -eq 78 ]
		PINECONE_INDEX_HOST=$FAULT_URL/$bad run --separate-stderr pc-upsert demo </dev/null
		[ "$status" -eq 78 ]
	done
	run --separate-stderr hf-embed "$FAULT_URL/"$'\r\nX-Evil: 1' < <(records 1)
	[ "$status" -eq 78 ]
	for bad in '{"X-A":"a\r\nX-Evil: 1"}' '{"X-A\r\nX-Evil":"1"}' '{"X A":"1"}' '{"X-A:":"1"}' '{"":"1"}' '{"X-A":1}'; do
		PINECONE_ADDITIONAL_HEADERS=$bad run --separate-stderr pc-upsert demo </dev/null
		[ "$status" -eq 78 ]
		[[ "$stderr" == 'pc-upsert: PINECONE_ADDITIONAL_HEADERS: '*': not a header: want {"Name":"value"}' ]]
	done
	[ "$(audit total)" -eq 0 ]
	PINECONE_ADDITIONAL_HEADERS='{"X-A":"a: b, é"}' run --separate-stderr pc-upsert demo < <(echo '{"id":"a","values":[1,2,3,4,5,6,7,8]}')
	said 0
	[ "$(requests '.headers["x-a"]' | sort -u)" = '"a: b, é"' ]
}

@test "an index name or namespace stays one: it can't reach another address" {
	start_fault
	run --separate-stderr pc-upsert '../x?a=b#c' < <(echo '{"id":"a","values":[1,2,3,4,5,6,7,8]}')
	[ "$status" -eq 78 ]
	[ "$(requests .path | head -1)" = '"/indexes/..%2Fx%3Fa%3Db%23c"' ]
}

@test "the token is found where huggingface_hub finds it, in its order, and blank is unset" {
	start_fault --token ''
	nowhere
	export HF_ENDPOINT_URL=$FAULT_URL
	echo cached >"$HOME/.cache/huggingface/token"
	mkdir -p "$BATS_TEST_TMPDIR/xdg/huggingface" "$BATS_TEST_TMPDIR/hf home"
	echo xdg >"$BATS_TEST_TMPDIR/xdg/huggingface/token"
	echo '  home  ' >"$BATS_TEST_TMPDIR/hf home/token"
	echo path >"$HOME/my token"
	sent() {
		: >"$FAULT_LOG"
		env "$@" hf-embed --retries 0 < <(records 1) >/dev/null 2>&1 || true
		tokens
	}
	local xdg=XDG_CACHE_HOME=$BATS_TEST_TMPDIR/xdg home="HF_HOME=$BATS_TEST_TMPDIR/hf home"
	[ "$(sent A=)" = '"Bearer cached"' ]
	[ "$(sent "$xdg")" = '"Bearer xdg"' ]
	[ "$(sent "$xdg" "$home")" = '"Bearer home"' ]
	[ "$(sent "$home" HF_TOKEN_PATH="$HOME/my token")" = '"Bearer path"' ]
	[ "$(sent HF_TOKEN_PATH='$HOME/.cache/../.cache/huggingface/token' HF_HOME=/none)" = '"Bearer cached"' ]
	[ "$(sent HF_TOKEN_PATH='~/.cache/huggingface/token' HF_HOME=/none)" = '"Bearer cached"' ]
	[ "$(sent HF_TOKEN_PATH="$HOME/my token" HUGGING_FACE_HUB_TOKEN=old)" = '"Bearer old"' ]
	[ "$(sent HF_TOKEN=new HUGGING_FACE_HUB_TOKEN=old)" = '"Bearer new"' ]
	[ "$(sent HF_TOKEN=$' new\r\n' HUGGING_FACE_HUB_TOKEN=old)" = '"Bearer new"' ]
	[ "$(sent HF_TOKEN=' ' HUGGING_FACE_HUB_TOKEN= HF_TOKEN_PATH= HF_HOME=' ' XDG_CACHE_HOME=)" = '"Bearer cached"' ]
	[ "$(sent HF_TOKEN_PATH='$(touch '"$BATS_TEST_TMPDIR"'/run)')" = null ]
	[ ! -e "$BATS_TEST_TMPDIR/run" ]
	[ "$(sent HF_HUB_DISABLE_IMPLICIT_TOKEN=1)" = null ]
	echo '  ' >"$HOME/.cache/huggingface/token"
	[ "$(sent A=)" = null ]
	rm "$HOME/.cache/huggingface/token"
	[ "$(sent A=)" = null ]
}

@test "a secret that the server sends back is not shown" {
	start_fault --fault "embed:*:redirect=https://other.example/?token=hf_test"
	run --separate-stderr hf-embed -v < <(records 1)
	[ "$status" -eq 76 ]
	[[ "$stderr" != *hf_test* ]]
	[[ "$stderr" == *'(to https://other.example/)'* ]]
}
