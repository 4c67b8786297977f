# bench/measures, parts "connections" and "times": a connection by each way in.
# Sourced by bash.

connections=(
	'connect: connection string|options'
	'connect: role|role'
	'connect: preloaded for the server|server'
	'connect: LOAD, then SET|load'
	'connect: a function that locks|function'
)

# Who connects where, in a mode, by a way, and what is sent first: sets $server,
# $user, $options and $sent.  Returns false where there is no such way.
#
# Core's own flag and the library that does nothing come in by the same way as ours.
connection()
{
	local way=$1 mode=$2
	server=absent user=postgres options= sent=
	case $way/$mode in
		*/loaded) return 1 ;;
		role/*) user=$mode ;;
		*/absent) ;;
		options/readonly | server/readonly) options="-c default_transaction_read_only=on" ;;
		options/trivial) options="-c session_preload_libraries=$trivial" ;;
		options/*) options="-c session_preload_libraries=$library -c pg_session_readonly.mode=$mode" ;;
		server/trivial) server=trivial ;;
		server/off) server=library ;;
		server/*) server=library options="-c pg_session_readonly.mode=$mode" ;;
		load/readonly) sent="SET default_transaction_read_only = on;" ;;
		load/trivial) sent="LOAD '$trivial'; SET work_mem = '5MB';" ;;
		load/on | load/locked) sent="LOAD '$library'; SET pg_session_readonly.mode = $mode;" ;;
		function/readonly) sent="SELECT set_config('default_transaction_read_only', 'on', false);" ;;
		function/trivial) sent="SELECT trivial();" ;;
		function/locked) sent="SELECT lock();" ;;
		*) return 1 ;;
	esac
}

# All connections that are wanted, a line each: name, mode, server, user, options,
# what is sent first.
wanted_connections()
{
	local entry name way mode server user options sent
	for entry in "${connections[@]}"; do
		IFS='|' read -r name way <<<"$entry"
		wanted "$name" || continue
		for mode in $modes; do
			! connection "$way" "$mode" || echo "$name|$mode|$server|$user|$options|$sent"
		done
	done
}

# What a backend does between its beginning and its end, a SELECT included: the
# median of three, after one that fills the server's caches.  Callgrind counts in
# every child of the server, and writes a file for each.
measure_connections()
{
	local traced i name mode server user options sent commands sql pid
	rm -rf "$work/backends"
	as_server_user mkdir "$work/backends"
	wanted_connections >"$work/to_connect"
	: >"$work/connected"
	for traced in absent trivial library; do
		grep -q "^[^|]*|[^|]*|$traced|" "$work/to_connect" || continue
		copy_server "$traced"
		as_server_user valgrind --tool=callgrind --trace-children=yes --toggle-collect=PostgresMain \
			--callgrind-out-file="$work/backends/%p" "$bin/postgres" -D "$work/$traced" \
			>"$work/server.log" 2>&1 &
		for ((i = 0; i < 300; i++)); do
			! "$bin/psql" -h "$work/$traced.socket" -U postgres -c '' postgres >/dev/null 2>&1 || break
			sleep 0.1
		done
		while IFS='|' read -r name mode server user options sent <&3; do
			[ "$server" = "$traced" ] || continue
			commands=()
			while read -r -d ';' sql; do commands+=(-c "$sql"); done <<<"$sent"
			for i in 0 1 2 3; do
				pid=$(PGOPTIONS=$options "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$work/$traced.socket" -U "$user" \
					"${commands[@]}" -c 'SELECT pg_backend_pid()' postgres | tail -n 1) && [ -n "$pid" ] ||
					die "no connection: $name, $mode"
				[ "$i" = 0 ] || echo "$pid|$name|$mode" >>"$work/connected"
			done
		done 3<"$work/to_connect"
		stop_servers fast
		wait
	done
	while IFS='|' read -r name mode _; do
		figure connections "$name" "$mode" "$(backends_of "$name" "$mode" |
			while read -r pid; do sed -n 's/^totals: //p' "$work/backends/$pid"; done | median)"
	done <"$work/to_connect"
}

# The processes that were counted for a connection.
backends_of() { awk -F '|' -v name="$1" -v mode="$2" '$2 == name && $3 == mode { print $1 }' "$work/connected"; }

# How long a connection and a SELECT 1 take, in turn.  Others use the machine as
# well, which only ever takes longer: what counts is the mean of the fastest
# quarter of the rounds.
rounds=64
measure_times()
{
	local server i name mode user options sent one_cpu="taskset -c $(($(nproc) - 1))"
	wanted_connections >"$work/to_connect"
	for server in absent trivial library; do
		copy_server "$server"
		as_server_user $one_cpu "$bin/pg_ctl" -D "$work/$server" -l "$work/$server.log" -s -w start
	done
	for ((i = 0; i <= rounds; i++)); do
		while IFS='|' read -r name mode server user options sent <&3; do
			echo "$sent SELECT 1;" >"$work/one.sql"
			printf '%s\t%s\n' "$name/$mode" "$(PGOPTIONS=$options $one_cpu "$bin/pgbench" -h "$work/$server.socket" \
				-U "$user" -n -C -t 15 -f "$work/one.sql" postgres 2>/dev/null |
				sed -n 's/^latency average = \([0-9.]*\) ms/\1/p')"
		done 3<"$work/to_connect"
		[ "$i" -gt 0 ] || echo warm
	done | sed '1,/^warm$/d' >"$work/times"
	stop_servers fast
	while IFS='|' read -r name mode _; do
		figure times "$name" "$mode" "$(awk -F '\t' -v key="$name/$mode" '$1 == key { print $2 }' "$work/times" |
			sort -n | awk -v n="$((rounds / 4))" 'NR <= n { sum += $1 } END { printf "%.4f", sum / n }')"
	done <"$work/to_connect"
}
