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

# sweep STEP INPUT COMMAND...: run it with the first allocation failing, with the one STEP later, and so on until it
# needs no more, each time alone and then together with all that follow. Every other line is looked at in `judge`.
sweep() {
	local step=$1 input=$2 n rest turns=0
	shift 2
	[ "${OOM:-}" != all ] || step=1
	rm -f rejects
	"$@" <"$input" >want 2>err || [ -s rejects ]
	mapfile -t want <want
	for rest in '' 1; do
		seen=()
		for ((n = 1; ; n += step)); do
			rm -f hit rejects
			status=0
			(
				[ -z "$rest" ] || export OOM_REST=1
				LD_PRELOAD=$BUILD/tests/oom.so OOM_AT=$n OOM_HIT=hit exec "$@" <"$input" >out 2>err
			) || status=$?
			[ -e hit ] || break
			seen[status]=1
			judge "$1" || { echo "allocation $n${rest:+ and all that follow}: $status"; cat err out; return 1; }
			turns=$((turns + 1))
		done
		[ "${seen[70]:-}" ] # it did fail
	done
	[ "$turns" -gt 1 ]
}

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
	sweep 397 records vec-batch -1 -t '.metadata.text | ascii_upcase' -i '.id + "x"'
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
