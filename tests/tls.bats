# TLS: certificates and host names are verified, always.
load helper

unset CURL_CA_BUNDLE SSL_CERT_FILE

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return 1
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=test-ca \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
	certificate good IP:127.0.0.1,DNS:localhost 2
	certificate other DNS:other.example 2
	certificate old IP:127.0.0.1 0
}

# certificate NAME SUBJECT-ALTERNATIVE-NAMES DAYS, signed by the private authority
certificate() {
	openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$3" -out "$1.pem" \
		-extfile <(echo "subjectAltName=$2") 2>/dev/null
}

# tls NAME: a fault server behind TLS with that certificate
tls() {
	start_fault
	mkfifo "$BATS_TEST_TMPDIR/hold"
	exec 4<>"$BATS_TEST_TMPDIR/hold"
	coproc python3 "$BATS_TEST_DIRNAME/tls.py" "$BATS_FILE_TMPDIR/$1.pem" "$BATS_FILE_TMPDIR/$1.key" "${FAULT_URL##*:}" \
		<&4 3>&-
	read -r TLS_PORT <&"${COPROC[0]}"
	TLS_PID=$COPROC_PID
	export HF_ENDPOINT_URL=https://127.0.0.1:$TLS_PORT PINECONE_CONTROLLER_HOST=https://127.0.0.1:$TLS_PORT
}

teardown() {
	[ -z "${TLS_PID:-}" ] || kill "$TLS_PID"
	stop_servers
}

@test "a server whose authority is in CURL_CA_BUNDLE or SSL_CERT_FILE is trusted" {
	tls good
	CURL_CA_BUNDLE=$BATS_FILE_TMPDIR/ca.pem run --separate-stderr hf-embed < <(records 3)
	[ "$status" -eq 0 ]
	[ "$(wc -l <<<"$output")" -eq 3 ]
	SSL_CERT_FILE=$BATS_FILE_TMPDIR/ca.pem run --separate-stderr pc-index list
	[ "$status" -eq 0 ]
	[ "$(audit total)" -gt 1 ]
}

@test "a server whose authority is not known gets nothing, not even the token" {
	tls good
	run --separate-stderr hf-embed < <(records 3)
	[ "$status" -eq 78 ]
	[ -z "$output" ]
	[[ "$stderr" == *certificate* ]]
	[ "$(audit total)" -eq 0 ]
}

@test "a certificate for another name is refused" {
	tls other
	CURL_CA_BUNDLE=$BATS_FILE_TMPDIR/ca.pem run --separate-stderr hf-embed < <(records 3)
	[ "$status" -eq 78 ]
	[[ "$stderr" == *"127.0.0.1"* ]]
	CURL_CA_BUNDLE=$BATS_FILE_TMPDIR/ca.pem run --separate-stderr pc-index list
	[ "$status" -eq 78 ]
	[ "$(audit total)" -eq 0 ]
}

@test "a certificate that is over is refused" {
	tls old
	CURL_CA_BUNDLE=$BATS_FILE_TMPDIR/ca.pem run --separate-stderr hf-embed < <(records 3)
	[ "$status" -eq 78 ]
	[[ "$stderr" == *expired* ]]
	[ "$(audit total)" -eq 0 ]
}
