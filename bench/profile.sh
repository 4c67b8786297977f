# bench/measures --profile: where the instructions of one line go.
# Sourced by bash.  Static functions of a server without debugging symbols have
# no name: an address stands for them.

times=1
for entry in "${statements[@]}"; do
	[ "${entry%%|*}" != "$profile" ] || times=100
done

# Leave in $work/profile.MODE what callgrind counted for the line in a mode.
count_profile()
{
	local mode=$1 entry i
	if [ "$times" = 1 ]; then
		make_calls "$profile"
	else
		begin_counting
		for entry in "${statements[@]}"; do
			[ "${entry%%|*}" = "$profile" ] || continue
			for i in 1 2 3; do statement "${entry#*|}"; done
			end_section warm
			for ((i = 0; i < times; i++)); do statement "${entry#*|}"; done
			end_section "$profile"
		done
	fi
	if [[ $profile != connect:* ]]; then
		run_input "$mode"
		cp "$work/dumps/out.${#label[@]}" "$work/profile.$mode"
		return
	fi
	[ -e "$work/connected" ] || measure_connections
	cp "$work/backends/$(backends_of "$profile" "$mode" | tail -n 1)" "$work/profile.$mode"
}

# Instructions and functions, "1234 name", of a dump: in the function itself or
# with what it calls.  A function may be in parts, by source file; frames below the
# one that was being counted are left out.
annotate()
{
	local how=$1 dump=$2
	callgrind_annotate --threshold=100 --auto=no --show-percs=no --inclusive="$how" "$dump" 2>/dev/null |
		sed -n 's/^ *\([0-9,]\{1,\}\) *\([^ ].*:.*\)$/\1\t\2/p' |
		awk -F '\t' -v times="$times" -v how="$how" -v total="$(sed -n 's/^totals: //p' "$dump")" '
			{
				gsub(",", "", $1)
				$1 += 0
				if ($1 > 0.99 * total)
					next
				sub(/^[^ ]*:/, "", $2)
				object = ""
				if (match($2, / \[.*\]/))
				{
					object = substr($2, RSTART, RLENGTH)
					$2 = substr($2, 1, RSTART - 1)
					sub(/.*\//, " [", object)
				}
				sub("\047[0-9]*$", "", $2)
				if (object != "")
					object_of[$2] = object
				if (how == "no")
					sum[$2] += $1
				else if ($1 > sum[$2] + 0)
					sum[$2] = $1
			}
			END { for (name in sum) printf "%d\t%s%s\n", sum[name] / times, name, object_of[name] }'
}

for mode in $modes; do
	[ -e "$work/profile.$mode" ] || count_profile "$mode"
	[ -e "$work/profile.$mode" ] || die "$profile has no figure in the mode $mode"
	annotate no "$work/profile.$mode" >"$work/self.$mode"
	annotate yes "$work/profile.$mode" >"$work/inclusive.$mode"
	echo "$profile, $mode: $(($(sed -n 's/^totals: //p' "$work/profile.$mode") / times)) instructions"
done
[ "$times" = 1 ] || echo "(with a hundredth of one \"$marker\")"

printf '\nIn the functions of the library, and with what they call (a hook calls the server):\n\n'
printf '%10s %10s\n' itself 'with calls'
awk -F '\t' '
	FILENAME ~ /self/ { self[$2] = $1; next }
	/\[pg_session_readonly.so\]$/ { printf "%10d %10d  %s\n", self[$2], $1, $2 }' \
	"$work/self.$mode" "$work/inclusive.$mode" | sort -k2,2nr | sed -n 's/ \[pg_session.*//; 1,60p'

for kind in self inclusive; do
	if [ "$kind" = self ]; then
		printf '\nMore or less than without the library, in the function itself:\n\n'
	else
		printf '\nMore or less than without the library, with what is called:\n\n'
	fi
	awk -F '\t' '
		FNR == NR { absent[$2] = $1; next }
		{ all[$2] = $1 }
		END {
			for (name in absent) all[name] += 0
			for (name in all)
			{
				more = all[name] - absent[name]
				if (more != 0)
					printf "%d\t%10d %10d  %s\n", more < 0 ? -more : more, more, all[name], name
			}
		}' "$work/$kind.absent" "$work/$kind.$mode" | sort -nr | cut -f2- >"$work/more"
	printf '%10s %10s\n' more all
	sed -n 1,40p "$work/more"
done
