load helper

# Memory runs out at each allocation in turn (tests/oom.c). Whatever fails, of the programs or of what they stand on,
# ends in a status and a message, and what was written is whole. OOM=all tries each allocation; else some are left out.

setup() {
	getconf GNU_LIBC_VERSION >/dev/null || skip 'the C library is not glibc'
	! grep -q __asan_init "$BUILD/vec-batch" || skip 'the sanitiser has allocation functions of its own'
	cd "$BATS_TEST_TMPDIR"
	for i in 1 2 3 4 5 6; do
		printf '{"id":"%d","metadata":{"text":"number %d"}}\n' $i $i
	done >records
}

WORKERS=8 # more than cores: where memory ran out in libcurl, a program waits and tries again

# sweep STEP INPUT COMMAND...: run it with the first allocation failing, with the one STEP later, and so on until it
# needs no more, each time alone and then together with all that follow. The workers share the turns: without a server
# as branches of one run, else in runs of their own, for a connection can't be branched.
sweep() {
	local step=$1 input=$PWD/$2 work=branch worker pids=() failed=0
	shift 2
	[ -z "${FAULT_URL-}" ] || work=runs
	[ "${OOM:-}" != all ] || step=1
	rm -rf rejects worker.*
	"$@" <"$input" >want 2>err || [ -s rejects ]
	mapfile -t want <want
	for ((worker = 0; worker < WORKERS; worker++)); do
		mkdir "worker.$worker"
		(cd "worker.$worker" && "$work" $((1 + worker * step)) $((WORKERS * step)) "$input" "$@") 3>&- &
		pids+=($!)
	done
	for worker in "${pids[@]}"; do
		wait "$worker" || failed=1
	done
	[ "$failed" -eq 0 ] || return 1
	cat worker.*/turns >turns
	echo "# $1: $(wc -l <turns) turns, $(grep -c '^70 ' turns) of them stopped it" >&3
	grep -q '^70 alone' turns # it did fail
	grep -q '^70 rest' turns
}

# branch FROM STEP INPUT COMMAND...: a worker's share of the turns, a line in `turns` for each. Turns that end alike, to
# the byte, are judged once.
branch() {
	local how n status name
	for how in alone rest; do
		mkdir "$how"
		(
			[ "$how" = alone ] || export OOM_REST=1
			LD_PRELOAD=$BUILD/tests/oom.so OOM_AT=$1 OOM_STEP=$2 OOM_TURNS=$how exec "${@:4}" <"$3" >out 2>err
		) || [ -s rejects ]
		cmp out ../want # the run itself has borne nothing
		[ -e "$how/turns" ] || continue
		sed "s/ / $how /" "$how/turns" >>turns
		while read -r status n name; do
			cp "$how/$name.out" out
			cp "$how/$name.err" err
			cp "$how/$name.rejects" rejects
			judge "$4" || worker_fails
		done < <(sort -u -k3,3 "$how/turns")
		rm -f rejects
	done
}

# runs FROM STEP INPUT COMMAND...: the same, each turn from the start.
runs() {
	local from=$1 step=$2 input=$3 how n status key out err aside
	local -A good=()
	shift 3
	trap - DEBUG # bats' own, at each command
	for how in alone rest; do
		for ((n = from; ; n += step)); do
			rm -f hit rejects
			status=0
			(
				[ "$how" = alone ] || export OOM_REST=1
				LD_PRELOAD=$BUILD/tests/oom.so OOM_AT=$n OOM_HIT=hit exec "$@" <"$input" >out 2>err
			) || status=$?
			[ -e hit ] || break
			mapfile -d '' out <out
			mapfile -d '' err <err
			aside=()
			[ ! -e rejects ] || mapfile -d '' aside <rejects
			key="$status ${out[*]@Q} ${err[*]@Q} ${aside[*]@Q}"
			[ "${good[$key]:-}" ] || judge "$1" || worker_fails
			good[$key]=1
			echo "$status $how $n"
		done
	done >turns
}

worker_fails() {
	echo "allocation $n, $how: $status"
	cat err out
	exit 1
} >&2

# judge PROGRAM: whether the status, what is in `out` and what is in `err` go together.
judge() {
	local lines messages stop gone
	mapfile -t lines <out
	mapfile -t messages <err
	# a prefix of what there should be, in whole lines
	[ ! -s out ] || [ "$(tail -c 1 out | wc -l)" -eq 1 ] || return 1
	for ((i = 0; i < ${#lines[@]}; i++)); do
		[ "${lines[i]}" = "${want[i]}" ] || return 1
	done
	gone=${#lines[@]}
	[ ! -e rejects ] || gone=$((gone + $(wc -l <rejects)))
	case $status in
	0 | 1) # the library took another way, or a second try went well
		[ "${#lines[@]}" -eq "${#want[@]}" ] || return 1
		;;
	70)
		[ "$(grep -c "^$1: out of memory\$\|^$1: libjq broke down" err)" -eq 1 ] || return 1
		stop=$(sed -n "s/^$1: stopped at input line \([0-9]*\): what came before it is done.*/\1/p" err)
		[ -z "$stop" ] || [ "$gone" -eq $((stop - 1)) ] || return 1
		[ -n "$stop" ] || [ "$gone" -eq 0 ] || [ "${#lines[@]}" -eq "${#want[@]}" ] || return 1
		;;
	69 | 78) # libcurl could not be told, and says why
		[ "${#messages[@]}" -ge 1 ] || return 1
		;;
	*)
		return 1
		;;
	esac
}

@test "oom: vec-batch, with records, with texts, with rejects, without duplicates" {
	sweep 1 records vec-batch -1
	sweep 1 records vec-batch -l1
	{ cat records && echo '{"id":3}'; } >some-bad
	sweep 1 some-bad vec-batch -1 -r rejects
	sweep 1 records vec-batch -1u -H
}

@test "oom: vec-batch with expressions: libjq's failures end in a message too" {
	sweep 97 records vec-batch -1 -t '.metadata.text | ascii_upcase' -i '.id + "x"'
	{ cat records && echo '{"id":3}'; } >some-bad
	sweep 97 some-bad vec-batch -1 -r rejects -m '{short: (.metadata.text | sub("number"; "n"))}'
}

@test "oom: vec-chunk" {
	sweep 1 records vec-chunk -w 1
}

@test "oom: hf-embed" {
	start_fault --dim 3
	vec-batch -n 2 <records >batches
	sweep 7 batches hf-embed
}

@test "oom: pc-upsert" {
	start_fault --dim 3
	vec-batch -n 2 <records | hf-embed -q >vectors
	pc-upsert -q --create demo <vectors
	sweep 9 vectors pc-upsert demo
}

@test "oom: pc-query" {
	start_fault --dim 3
	vec-batch -n 2 <records | hf-embed -q >vectors
	pc-upsert -q --create demo <vectors
	jq -c '.[]' vectors | head -n 3 >questions
	sweep 11 questions pc-query -k 2 demo
}

@test "oom: pc-list, pc-fetch, pc-update, pc-delete" {
	start_fault --dim 3
	vec-batch -n 2 <records | hf-embed -q | pc-upsert -q --create demo >receipts
	: >nothing
	sweep 11 nothing pc-list demo
	sweep 11 records pc-fetch demo
	sweep 11 records pc-update demo
	sweep 11 records pc-delete demo
}
