# The pages, the programs' own help, vecpipe(7) and the README say the same.
load helper

# The programs, as the Makefile lists them.
programs() {
	env -u MAKEFLAGS -u MAKELEVEL make -s --no-print-directory -C "$REPO" -f - list <<<$'include Makefile\nlist:\n\t@printf "%s\\n" $(PROGRAMS)'
}

# Long options that stand in -h: the word behind the letters of an option line, or alone in it.
help_options() {
	"$1" -h | sed -nE 's/^ +(-[A-Za-z0-9], |    )--([a-z0-9-]+).*/\2/p'
}

# Long options that have an item in a page's OPTIONS.
page_options() {
	sed -n '/^\.Sh OPTIONS/,/^\.Sh EXIT/p' "$REPO/man/$1.1" |
		sed -nE '/^\.It Fl /s/.* -([a-z][a-z0-9-]+).*/\1/p'
}

@test "man: the list of programs can be read from the Makefile" {
	run programs
	[ "$status" -eq 0 ]
	[[ $output == *vec-batch* && $output == *pc-local* ]]
}

@test "man: mandoc finds nothing to say about any page" {
	cd "$REPO/man"
	for page in *.[0-9]; do
		# what is said about pages of other projects depends on what is installed
		found=$(mandoc -T lint "$page" 2>&1 | grep -v 'outdated mandoc.db lacks' |
			grep -vE 'referenced manual not found: Xr [a-z0-9-]+ [0-9]' || true)
		echo "$found"
		[ -z "$found" ]
	done
}

@test "man: each page that is referred to and is ours exists" {
	cd "$REPO/man"
	for ref in $(sed -nE 's/^\.Xr ([a-z-]+) ([17]).*/\1.\2/p; s/^\.It Xr ([a-z-]+) ([17]).*/\1.\2/p' ./*.[17] | sort -u); do
		case $ref in
		vecpipe.* | vec-* | hf-* | pc-*)
			echo "$ref"
			[ -f "$ref" ]
			;;
		esac
	done
}

@test "man: each program has a page with the sections of a manual, in their order" {
	for p in $(programs); do
		sections=$(sed -nE 's/^\.Sh (NAME|SYNOPSIS|DESCRIPTION|OPTIONS|ENVIRONMENT|FILES|EXIT STATUS|EXAMPLES|DIAGNOSTICS|SEE ALSO|STANDARDS|AUTHORS)$/\1/p' \
			"$REPO/man/$p.1" | tr '\n' ,)
		echo "$p: $sections"
		[[ $sections =~ ^NAME,SYNOPSIS,DESCRIPTION,OPTIONS,(ENVIRONMENT,)?(FILES,)?EXIT\ STATUS,EXAMPLES,DIAGNOSTICS,SEE\ ALSO,(STANDARDS,)?AUTHORS,$ ]]
	done
}

@test "man: the options that -h lists are those of the page" {
	local different=

	for p in $(programs); do
		help=$(help_options "$p" | sort)
		page=$(page_options "$p" | sort)
		echo "$p"
		diff <(echo "$help") <(echo "$page") || different+=" $p"
		[[ $help == *help* && $help == *version* ]]
	done
	[ -z "$different" ]
}

@test "man: no letter of -h is missing in the page" {
	local missing=

	for p in $(programs); do
		for letter in $("$p" -h | sed -nE 's/^ +-([A-Za-z0-9]), --.*/\1/p'); do
			grep -qE "^\.It Fl $letter( |\$)" "$REPO/man/$p.1" || missing+="$p -$letter"$'\n'
		done
	done
	echo "$missing"
	[ -z "$missing" ]
}

@test "man: the defaults that -h shows in parentheses are those of the page" {
	local different= checked=0

	for p in $(programs); do
		while read -r option value; do
			checked=$((checked + 1))
			awk -v option="$option" '/^\.(It|El)/ { inside = $0 ~ " -" option "( |$)" } inside' "$REPO/man/$p.1" |
				grep -qE "default: (Cm )?$value( |,|\$)" || different+="$p --$option $value"$'\n'
		done < <("$p" -h | sed -nE 's/^ .*--([a-z-]+).* \(([A-Za-z0-9.-]+)\)$/\1 \2/p')
	done
	echo "$different"
	[ -z "$different" ]
	[ "$checked" -gt 20 ]
}

@test "man: each make target that README and HACKING name exists" {
	phony=$(sed -n 's/^\.PHONY: //p' "$REPO/Makefile")
	named=$(sed -nE 's/`make/\n`make/g; p' "$REPO/README.md" "$REPO/HACKING.md" |
		sed -nE 's/^(    |`)?make ([a-z0-9-]+).*/\2/p' | sort -u)
	[[ $named == *check* && $named == *clients* ]]
	for target in $named; do
		echo "$target"
		[[ " $phony " == *" $target "* ]]
	done
}

@test "man: the common options are those of vecpipe(7)" {
	common=$(for p in hf-embed pc-index pc-query pc-upsert; do help_options "$p"; done | sort | uniq -c |
		awk '$1 > 2 { print $2 }')
	[[ $common == *retries* ]]
	for option in $common; do
		case $option in namespace) continue ;; esac
		echo "$option"
		sed -n '/^\.Sh OPTIONS/,/^\.Sh NETWORK/p' "$REPO/man/vecpipe.7" | grep -qE "^\.It Fl (. , )?-$option( |\$)"
	done
}

@test "man: vecpipe(7) and the README name every program, once in their tables" {
	for p in $(programs); do
		echo "$p"
		[ "$(grep -c "^\.It Xr $p 1\$" "$REPO/man/vecpipe.7")" -eq 1 ]
		[ "$(grep -cF "| [\`$p\`](man/$p.1) |" "$REPO/README.md")" -eq 1 ]
	done
	[ "$(grep -c '^| \[`' "$REPO/README.md")" -eq "$(programs | wc -l)" ]
}

@test "man: the statuses of err.h stand in vecpipe(7), and no others" {
	code=$(sed -nE 's/^\tVP_EX_[A-Z]+ = ([0-9]+).*/\1/p' "$REPO/lib/err.h")
	page=$(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh DIAGNOSTICS/s/^\.It //p' "$REPO/man/vecpipe.7")
	diff <(echo "$code") <(echo "$page")
	[ -n "$code" ]
}

@test "man: what README and HACKING link to exists" {
	for to in $(sed -nE 's/\]\(/\n](/g; p' "$REPO/README.md" "$REPO/HACKING.md" | sed -nE 's/^\]\(([^):]+)\).*/\1/p'); do
		echo "$to"
		[ -e "$REPO/$to" ]
	done
}

# What a page's DIAGNOSTICS promise, in the pieces between what varies; a piece of three words says little.
diagnostics() {
	sed -n '/^\.Sh DIAGNOSTICS/,/^\.Sh SEE/p' "$1" | sed -nE 's/^\.It "(.*)"$/\1/p' |
		sed -E "s/\\\\\\(dq/\"/g; s/\\\\e/\\\\/g; s/; see 'man [a-z%-]+'//; s/%[sd]/\n/g; s/(: |; )/\n/g" |
		sed -E 's/^[ :(]+//; s/[ :)?]+$//' | grep -E '( .*){3}' | sort -u
}

@test "man: each message in DIAGNOSTICS stands in the source" {
	local missing=

	# string literals that are continued on the next line are joined
	source=$(cat "$REPO"/cmd/*.c "$REPO"/lib/*.[ch] "$REPO"/lib/*/*.[ch] | sed -z 's/\\"/\x01/g; s/"[[:space:]]*"//g; s/\x01/"/g')
	for page in "$REPO"/man/*.[17]; do
		diagnostics "$page" >"$BATS_TEST_TMPDIR/pieces"
		[ -s "$BATS_TEST_TMPDIR/pieces" ]
		while IFS= read -r piece; do
			[[ $source == *"$piece"* ]] || missing+="${page##*/}: $piece"$'\n'
		done <"$BATS_TEST_TMPDIR/pieces"
	done
	echo "$missing"
	[ -z "$missing" ]
}
