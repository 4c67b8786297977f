# bench/measures, part "memory": what a backend has for itself.  Sourced by bash.

# What a process has written in mappings of its own, in kB: shared memory, and pages that
# it still shares with the server it was forked from, do not count.
private_memory()
{
	as_server_user cat "/proc/$1/smaps" | awk '
		/^[0-9a-f]+-[0-9a-f]+ / { own = $2 ~ /p$/ }
		own && /^Private_Dirty:/ { sum += $2 }
		END { print sum }'
}

# Backends without a library, or with one that is preloaded for the server or comes by
# the role: the median of five, as they have answered one query, and after a call of
# each of the 1,000 functions.  pg_backend_memory_contexts tells what core's allocator
# holds.
measure_memory()
{
	local way mode server user options sent round contexts="SELECT sum(total_bytes) FROM pg_backend_memory_contexts"
	for server in absent trivial library; do
		copy_server "$server"
		as_server_user "$bin/pg_ctl" -D "$work/$server" -l "$work/$server.log" -s -w start
	done
	for ((i = 1; i <= user_functions; i++)); do echo "SELECT f_$i(1);"; done >"$work/calls.sql"
	for way in server role; do
		for mode in $modes; do
			connection "$way" "$mode" || continue
			: >"$work/memory"
			for round in 1 2 3 4 5; do
				measure_backend "$server" "$user" "$options" >>"$work/memory"
			done
			while read -r column name; do
				figure memory "$name|$way" "$mode" "$(cut -f "$column" "$work/memory" | median)"
			done <<-END
				1 private, idle
				2 memory contexts, idle
				3 private, after $user_functions functions
				4 memory contexts, after $user_functions functions
			END
		done
	done
	stop_servers fast
}

# One backend: a line of four figures, in kB.
measure_backend()
{
	local pid line figures=() sql
	coproc PSQL { PGOPTIONS=$3 exec "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$work/$1.socket" -U "$2" postgres; }
	# a query's answer is one line
	ask() { printf '%s\n' "$1" >&"${PSQL[1]}"; read -r line <&"${PSQL[0]}"; }
	ask 'SELECT pg_backend_pid();'
	pid=$line
	for sql in '' "\\i $work/calls.sql"; do
		if [ -n "$sql" ]; then
			printf '%s\n' '\o /dev/null' "$sql" '\o' >&"${PSQL[1]}"
			ask 'SELECT 1;'
		fi
		figures+=("$(private_memory "$pid")")
		ask "$contexts;"
		figures+=($((line / 1024)))
	done
	printf '%s\n' '\q' >&"${PSQL[1]}"
	wait "$PSQL_PID" || true
	(IFS=$'\t'; echo "${figures[*]}")
}
