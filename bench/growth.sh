# bench/measures, part "growth": what grows with the number of functions that a session
# has called, of items in the lists, and of settings that are pinned.  Sourced by bash.

measure_growth()
{
	local mode
	for mode in absent readonly locked; do
		[[ " $modes " != *" $mode "* ]] || grow_functions "$mode"
	done
	grow_lists
	grow_pinned
	grow_types
}

# One session that calls one function after the other: what the first call of each costs,
# and one more of each; and then a statement that has nothing to do with them.
grow_functions()
{
	local mode=$1 from=1 to i sql
	begin_counting
	for sql in "${at_work[@]}"; do statement "$sql"; done
	statement 'SELECT f_0(1)'
	end_section warm
	for to in 10 100 1000; do
		for ((i = from; i <= to; i++)); do statement "SELECT f_$i(1)"; done
		end_section "first $to"
		for ((i = 1; i <= to; i++)); do statement "SELECT f_$i(1)"; done
		end_section "again $to"
		count_warm "select $to" "${statements[0]#*|}"
		from=$((to + 1))
	done
	run_input "$mode"
	from=1
	for to in 10 100 1000; do
		figure growth "functions: first call, of the last of so many|$to" "$mode" $(($(section "first $to") / (to - from + 1)))
		figure growth "functions: another call, of each of them|$to" "$mode" $(($(section "again $to") / to))
		figure growth "functions: point SELECT after them|$to" "$mode" "$(section "select $to")"
		from=$((to + 1))
	done
}

# A session that loads the library, sets a setting, and is locked; then it works.
#
# The lock empties core's caches: the two statements after it fill them again.
locked_session()
{
	local sql
	begin_counting
	for sql in "${at_work[@]}"; do statement "$sql"; done
	statement "SELECT f_0(1)"
	statement "SET pg_session_readonly.mode = off"
	statement "LOAD '$library'"
	end_section warm
	[ -z "$1" ] || statement "SET pg_session_readonly.$1 = '$2'"
	end_section set
	statement "SET pg_session_readonly.mode = locked"
	end_section lock
	for sql in "${at_work[@]}"; do statement "$sql"; done
	statement "SELECT f_0(1)"
	count_markers 'marker, locked'
}

# N items with commas between, numbered where the format has a #.
items()
{
	local format=$1 n=$2 i list=
	for ((i = 1; i <= n; i++)); do list+=", ${format//\#/$i}"; done
	printf '%s' "${list#, }"
}

# Lists with so many items that mean nothing to what is called.
grow_lists()
{
	local entry name setting format n list i
	for entry in \
		'allowed_functions, names|allowed_functions|other_#' \
		'allowed_functions, schema.name|allowed_functions|public.other_#' \
		'allowed_functions, extension:|allowed_functions|extension:other_#' \
		'denied_functions, names|denied_functions|other_#' \
		'denied_commands|denied_commands|'; do
		IFS='|' read -r name setting format <<<"$entry"
		for n in 0 100 1000; do
			list=$(items "${format:-LISTEN}" "$n")
			[ "$setting" != denied_commands ] || list="default${list:+, $list}"
			locked_session "$setting" "$list"
			for ((i = 1; i <= 11; i++)); do statement "SELECT f_$i(1)"; end_section first; done
			count_warm again 'SELECT f_1(1)'
			count_warm command "SET work_mem = '5MB'"
			run_input absent
			figure growth "$name: setting it|$n" locked "$(section set)"
			figure growth "$name: the lock|$n" locked "$(section lock)"
			figure growth "$name: first call of a function|$n" locked "$(section first 'marker, locked')"
			figure growth "$name: another call|$n" locked "$(section again 'marker, locked')"
			figure growth "$name: SET|$n" locked "$(section command 'marker, locked')"
		done
	done
}

# So many settings pinned by name: some that there are, or names of libraries that are
# not loaded.
grow_pinned()
{
	local kind names n list
	names=$("$bin/postgres" --describe-config | awk -F '\t' '$2 == "user" && $1 != "work_mem" { print $1 }' | sort)
	for kind in 'that there are' 'of libraries not loaded'; do
		for n in 0 100 300; do
			if [ "$kind" = 'that there are' ]; then
				[ "$n" -le 100 ] || n=$(wc -l <<<"$names")
				list=$(head -n "$n" <<<"$names" | sed ':a; N; $!ba; s/\n/, /g')
			else
				list=$(items 'library_#.setting' "$n")
			fi
			locked_session pinned_settings "$list"
			count_warm select 'SELECT 1'
			count_warm command "SET work_mem = '5MB'"
			run_input absent
			figure growth "pinned settings $kind: setting it|$n" locked "$(section set)"
			figure growth "pinned settings $kind: the lock|$n" locked "$(section lock)"
			figure growth "pinned settings $kind: SELECT 1|$n" locked "$(section select 'marker, locked')"
			figure growth "pinned settings $kind: SET|$n" locked "$(section command 'marker, locked')"
		done
	done
}

# So many types, those of tables, in a database with an operator class that is not core's.
# The last of all, as they stay there.
grow_types()
{
	local n
	as_server_user "${single[@]}" -j postgres >/dev/null 2>"$work/errors" <<-END
		CREATE OPERATOR CLASS own FOR TYPE int USING btree AS
			OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);

	END
	for n in 0 1000 10000; do
		as_server_user "${single[@]}" postgres >/dev/null 2>>"$work/errors" <<-END
			DO \$\$ BEGIN FOR i IN 1 .. $n / 2 LOOP EXECUTE format('CREATE TABLE IF NOT EXISTS typed_%s (i int)', i); IF i % 500 = 0 THEN COMMIT; END IF; END LOOP; END \$\$
			VACUUM FREEZE ANALYZE pg_type
		END
		! grep -m 1 -E '(ERROR|FATAL|PANIC): ' "$work/errors" >&2 || die "a statement failed"
		locked_session '' ''
		run_input absent
		figure growth "types: the lock|$n" locked "$(section lock)"
	done
}
