# What the parts of bench/measures share: libraries, a database, counting, servers.
# Sourced by bash.

# The figures, a line each: part, what was measured, mode, figure.
figure() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$work/figures"; }

# When, where and of what: the first lines of a part.
about()
{
	figure "$1" PostgreSQL about "$("$bin/postgres" --version | sed 's/.*) //; s/ (.*//')"
	figure "$1" server about "$(sed -n 's/.*PostgreSQL [^ ]* .*, compiled by \(.*\), [0-9]*-bit.*/\1/p' "$work/version")"
	figure "$1" library about "$(gcc --version | sed 1q)"
	figure "$1" valgrind about "$(valgrind --version)"
	figure "$1" machine about "$(uname -m), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed 1q), $(nproc) processors, Linux $(uname -r | cut -d. -f1,2)"
	figure "$1" day about "$(date +%F)"
}

# --- libraries, and a database ---

make_libraries()
{
	make_work_copy
	cd "$work"
	: >"$work/figures"
	local directory
	for directory in src src/bench; do
		as_server_user make -s -C "$directory" with_llvm=no PG_CONFIG="$bin/pg_config" COPT=-g >&2
	done
	library=$work/src/pg_session_readonly.so
	trivial=$work/src/bench/trivial.so
	still=$work/src/bench/still.so
}

# How many functions of its own the database has, for growth and memory.
user_functions=1000

make_database()
{
	local checksums= mode contrib_sql=
	# A backend of its own reads each page anew: without checksums, that 18 has by
	# default, this does not hide what a first call costs.
	! grep -q -- --no-data-checksums <<<"$("$bin/initdb" --help)" || checksums=--no-data-checksums
	as_server_user "$bin/initdb" -D "$work/data" -U postgres -A trust --no-sync $checksums >/dev/null
	as_server_user tee -a "$work/data/postgresql.conf" >/dev/null <<-END
		autovacuum = off
		jit = off
		fsync = off
		log_checkpoints = off
		max_wal_size = 4GB
		listen_addresses = ''
		unix_socket_permissions = 0777
	END
	single=("$bin/postgres" --single -D "$work/data")
	contrib=
	[ ! -e "$("$bin/pg_config" --sharedir)/extension/fuzzystrmatch.control" ] ||
		contrib='CREATE EXTENSION fuzzystrmatch'
	as_server_user "${single[@]}" postgres >"$work/version" 2>"$work/errors" <<END
SELECT version()
CREATE TABLE accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84))
INSERT INTO accounts SELECT i, 1, 0, '' FROM generate_series(1, 100000) i
CREATE TABLE customers (id int PRIMARY KEY, name text)
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 1000) i
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers)
INSERT INTO orders SELECT i, i % 1000 + 1 FROM generate_series(1, 5000) i
CREATE INDEX ON orders (customer)
CREATE TABLE items (order_id int REFERENCES orders, line int, price numeric, PRIMARY KEY (order_id, line))
INSERT INTO items SELECT i % 5000 + 1, i / 5000, i % 100 FROM generate_series(1, 20000) i
CREATE FUNCTION sql_1(int) RETURNS int LANGUAGE sql AS 'SELECT abalance FROM accounts WHERE aid = \$1'
CREATE FUNCTION sql_2(int) RETURNS int LANGUAGE sql AS 'SELECT bid FROM accounts WHERE aid = \$1'
CREATE FUNCTION plpgsql_1(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN \$1 + 1; END'
CREATE FUNCTION plpgsql_2(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN \$1 + 2; END'
CREATE FUNCTION trivial() RETURNS text LANGUAGE C AS '$trivial', 'trivial_call'
CREATE FUNCTION lock() RETURNS text LANGUAGE C AS '$library', 'pg_session_readonly_lock'
$(for ((i = 0; i <= user_functions; i++)); do
	echo "CREATE FUNCTION f_$i(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN \$1 + $i; END'"
done)
$contrib
CREATE ROLE absent LOGIN
CREATE ROLE readonly LOGIN
ALTER ROLE readonly SET default_transaction_read_only = on
CREATE ROLE trivial LOGIN
ALTER ROLE trivial SET session_preload_libraries = '$trivial'
$(for mode in off on locked; do
	echo "CREATE ROLE \"$mode\" LOGIN"
	echo "ALTER ROLE \"$mode\" SET session_preload_libraries = '$library'"
	echo "ALTER ROLE \"$mode\" SET pg_session_readonly.mode = $mode"
done)
GRANT pg_read_all_stats TO absent, readonly, trivial, off, "on", locked
VACUUM FREEZE ANALYZE
END
	! grep 'ERROR: ' "$work/errors" >&2 || die "the database could not be made"
	# The first to come by sets hint bits and prunes pages.
	local entry sql
	for entry in "${statements[@]}" "${calls[@]}"; do
		IFS='|' read -r _ sql _ <<<"$entry"
		printf '%s\n' "$sql"
	done >"$work/input"
	as_server_user "${single[@]}" postgres <"$work/input" >/dev/null 2>&1
}

# --- counting ---

# Is a line wanted?
wanted()
{
	local part
	[ -z "$profile" ] || { [ "$1" = "$profile" ]; return; }
	[ -n "$only" ] || return 0
	while read -r part; do
		[[ $1 != *"$part"* ]] || return 0
	done <<<"${only//,/$'\n'}"
	return 1
}

median() { sort -n | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'; }

# Callgrind writes what it has counted each time the backend comes to
# pg_sleep(), and starts anew.  So this ends one section of the input, and the
# next.  label[i] says what the i-th is.
marker='SELECT pg_sleep(0)'
begin_input() { : >"$work/input"; label=(); }
statement() { printf '%s\n' "$1" >>"$work/input"; }
end_section() { statement "$marker"; label+=("$1"); }

# Give a backend in a mode the input.  Leaves one dump for each section.  Its clock
# stands still (still.c).
run_input()
{
	local mode=$1 preload= setup= options=()
	case $mode in
		readonly) options=(-c default_transaction_read_only=on) ;;
		trivial) preload=$trivial ;;
		off) preload=$library ;;
		on | locked) preload=$library; options=(-c "pg_session_readonly.mode=$mode") ;;
		loaded) setup="LOAD '$library'"$'\n'"SET pg_session_readonly.mode = locked" ;;
	esac
	rm -rf "$work/dumps"
	as_server_user mkdir "$work/dumps"
	{ [ -z "$setup" ] || printf '%s\n' "$setup"; cat "$work/input"; } >"$work/all_input"
	as_server_user env LD_PRELOAD="$still" valgrind --tool=callgrind --callgrind-out-file="$work/dumps/out" \
		--dump-before=pg_sleep "${single[@]}" -c shared_preload_libraries="$preload" \
		"${options[@]}" postgres <"$work/all_input" >"$work/output" 2>"$work/errors"
	! grep -m 1 -E '(ERROR|FATAL|PANIC): ' "$work/errors" >&2 || die "a statement failed"
	[ -e "$work/dumps/out.${#label[@]}" ] || { tail "$work/errors" >&2; die "callgrind counted nothing"; }
}

# The median of the sections with a label, with the marker at their end.
section_with_marker()
{
	local i
	for i in "${!label[@]}"; do
		[ "${label[i]}" != "$1" ] || sed -n 's/^totals: //p' "$work/dumps/out.$((i + 1))"
	done | median
}

# Likewise, without it.  A marker may cost more after a lock: then $2 is its label.
section() { echo $(($(section_with_marker "$1") - $(section_with_marker "${2:-marker}"))); }

# The figures of these sections, where they are wanted.
figures_of()
{
	local part=$1 mode=$2 name
	for name in "${@:3}"; do
		! wanted "$name" || [ -z "$(section_with_marker "$name")" ] || figure "$part" "$name" "$mode" "$(section "$name")"
	done
}

count_markers()
{
	local i
	for i in 1 2 3 4; do end_section warm; done
	for i in 1 2 3 4 5; do end_section "$1"; done
}

# Begin the input of a backend: what the marker costs is counted first.
begin_counting()
{
	begin_input
	count_markers marker
}

# A statement 11 times, warmed up: sections with a label.
count_warm()
{
	local i
	for i in 1 2 3; do statement "$2"; done
	end_section warm
	for ((i = 0; i < 11; i++)); do statement "$2"; end_section "$1"; done
}

# --- servers ---

preload_of()
{
	case $1 in
		trivial) echo "$trivial" ;;
		library) echo "$library" ;;
	esac
}

# The servers are copies of one: without a library, or with one preloaded.
copy_server()
{
	[ -e "$work/$1" ] || {
		as_server_user cp -a "$work/data" "$work/$1"
		as_server_user tee -a "$work/$1/postgresql.conf" >/dev/null <<-END
			unix_socket_directories = '$work/$1.socket'
			shared_preload_libraries = '$(preload_of "$1")'
		END
		as_server_user mkdir -m 755 "$work/$1.socket"
	}
}

stop_servers()
{
	local name
	for name in absent trivial library; do
		[ ! -e "$work/$name/postmaster.pid" ] ||
			as_server_user "$bin/pg_ctl" -D "$work/$name" -m "${1:-immediate}" -s -w stop || true
	done
}
on_leave=stop_servers
unset PGPORT PGUSER PGDATABASE PGSERVICE PGOPTIONS
