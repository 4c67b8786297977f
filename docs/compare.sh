#!/bin/bash
# What stops a hostile session?  Runs the same attacks against several guards, on
# throwaway servers, and prints a Markdown table.
#
#   docs/compare.sh >tables.md        LOG=file also keeps what the attackers saw
#
#   --chart FILE.svg    also draws how many attacks went through
#   --extension SOURCE  also tries an extension (PGXS), as often as given.  Its source is a
#                       directory, or what "git clone" takes, and goes into a copy of the
#                       server.  What cannot be had is left out, and the page says so.
#                       One of these says how it guards:
#   --lock SQL          the host sends this on the attacker's connection, if it names
#                       @library@.  Any other is for the server: its superuser sends it
#                       before each attack, with the library preloaded, and takes it off
#                       by what --unlock SQL says
#   --setting NAME=VALUE
#                       is in the configuration, with the library preloaded.  The
#                       attackers are members of the role "agents"
#
# An attack "went through" if another connection (or a look at the file system)
# sees its effect; the error that the attacker got, or did not get, is not looked
# at.  Two things keep the table honest: where nothing guards, every attack must go
# through, and behind each guard a read must work.  Then come reads, and which of them a
# guard refuses.  Fails if an attack goes through a locked session of pg_session_readonly.
set -euo pipefail
. "$(dirname "$0")/../script/lib.sh"

usage() { die "usage: docs/compare.sh [--chart FILE.svg] [--extension SOURCE (--lock SQL [--unlock SQL] | --setting NAME=VALUE)]..."; }

chart=
extensions=() locks=() unlocks=() settings=()
while [ $# -gt 0 ]; do
	[ $# -gt 1 ] || usage
	case $1 in
		--chart) chart=$(realpath "$2") ;;
		--extension) extensions+=("$2"); locks+=(''); unlocks+=(''); settings+=('') ;;
		--lock) [ ${#extensions[@]} -gt 0 ] || usage; locks[-1]=$2 ;;
		--unlock) [ ${#extensions[@]} -gt 0 ] || usage; unlocks[-1]=$2 ;;
		--setting) [ ${#extensions[@]} -gt 0 ] || usage; settings[-1]=$2 ;;
		*) usage ;;
	esac
	shift 2
done
for number in "${!extensions[@]}"; do
	[ -n "${locks[number]}${settings[number]}" ] || usage
	[ ! -d "${extensions[number]}" ] || extensions[number]=$(realpath "${extensions[number]}")
done

exec 3>&1 1>&2 # the tables alone go to standard output
find_version
# The contrib modules come with the server's package.
need_packages "postgresql-$version" "postgresql-server-dev-$version" gcc make libc6-dev
if apt-cache show "postgresql-$version-set-user" >/dev/null 2>&1; then
	need_packages "postgresql-$version-set-user"
fi
[ ${#extensions[@]} = 0 ] || need_packages git ca-certificates
make_work_copy
copy_server ''
cd "$work"

say "building"
as_server_user make -s -C src with_llvm=no PG_CONFIG="$bin/pg_config"
library=$work/src/pg_session_readonly.so
as_server_user mkdir loot

# Others from source, into the copy of the server; @library@ in a lock becomes what everybody
# may load.
plugins=$("$bin/pg_config" --pkglibdir)/plugins
as_server_user mkdir -p "$plugins"
peers=() versions=() missing=()
for number in "${!extensions[@]}"; do
	source=${extensions[number]}
	peer=peer$number
	if [ -e "$source/Makefile" ]; then
		cp -r "$source" $peer
	elif ! git -c safe.directory='*' clone -q "$source" $peer; then
		say "$source cannot be had: it is left out"
		missing+=("$source")
		unset "extensions[number]"
		continue
	fi
	name=$(sed -n 's/^MODULE\(S\|_big\) *= *\([a-z0-9_]*\).*/\2/p' $peer/Makefile)
	[ -n "$name" ] || die "no MODULES in the Makefile of $source"
	versions+=("$name$(git -c safe.directory='*' -C $peer log -1 --format=' (commit %h of %cs)' 2>/dev/null || true)")
	say "building $name"
	[ "$(id -u)" != 0 ] || chown -R postgres: $peer
	as_server_user make -s -C $peer USE_PGXS=1 with_llvm=no PG_CONFIG="$bin/pg_config" all install ||
		die "cannot build $name"
	as_server_user ln -s "../$name.so" "$plugins/"
	peers[number]=$name
	locks[number]=${locks[number]//@library@/\$libdir/plugins/$name}
done

# A library whose code has an effect as it is loaded.
cat >intruder.c <<'C'
#include "postgres.h"
#include "fmgr.h"
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
void
_PG_init(void)
{
	FILE	   *file = fopen(LOOT, "w");

	if (file)
		fclose(file);
}
C
gcc -shared -fPIC -I"$("$bin/pg_config" --includedir-server)" \
	-DLOOT="\"$work/loot/loaded\"" -o intruder.so intruder.c
install -m 755 intruder.so "$plugins/"

# --- the servers ---
unset PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE PGAPPNAME
export PGHOST=$work PGDATABASE=shop PGCONNECT_TIMEOUT=10 PGPASSWORD=loot
primary=5432
standby=5433

pg_server() # data port action more-options
{
	as_server_user "$bin/pg_ctl" -D "$work/$1" -l "$work/$1.log" -s -w -m fast -o \
		"-p $2 -c listen_addresses= -c unix_socket_directories=$work -c max_prepared_transactions=10 -c autovacuum=off -c fsync=off ${4:-}" "$3"
}

stop_all()
{
	local data
	[ -z "${LOG:-}" ] || cp "$work/attackers.log" "$LOG"
	for data in standby data; do
		as_server_user "$bin/pg_ctl" -D "$work/$data" -m immediate -s stop 2>/dev/null || true
	done
}
on_leave=stop_all

say "throwaway servers, PostgreSQL $version"
as_server_user "$bin/initdb" -D "$work/data" -U postgres -A trust --no-sync >/dev/null
# dblink() is for ordinary roles where a password was asked for
as_server_user sed -i '1i local all +agents scram-sha-256' "$work/data/pg_hba.conf"
pg_server data $primary start
server=$primary # the one under attack
admin() { "$bin/psql" -X -q -At -U postgres -p "$server" "$@"; }
on_primary() { "$bin/psql" -X -q -At -U postgres -p $primary -v ON_ERROR_STOP=1 "$@"; }

on_primary -d postgres -c 'CREATE DATABASE shop'
on_primary <<SQL
CREATE EXTENSION dblink; CREATE EXTENSION pg_surgery; CREATE EXTENSION pgcrypto;
CREATE ROLE app LOGIN;
-- all that a role may be granted; the tables are its own
CREATE ROLE agents IN ROLE pg_read_all_data, pg_write_all_data, pg_read_server_files,
	pg_write_server_files, pg_execute_server_program, pg_signal_backend, pg_monitor;
GRANT ALL ON DATABASE shop TO agents;
GRANT ALL ON SCHEMA public TO agents;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pg_catalog, public TO agents;
GRANT ALTER SYSTEM ON PARAMETER cursor_tuple_fraction TO agents;
CREATE ROLE by_grants LOGIN IN ROLE pg_read_all_data;
CREATE ROLE by_set_user LOGIN;
CREATE TABLE facts WITH (parallel_workers = 2) AS SELECT i FROM generate_series(1, 10000) i;
SQL
agent() { on_primary -c "CREATE ROLE $1 LOGIN REPLICATION PASSWORD 'loot' IN ROLE agents ${*:2}"; }
agent unguarded
agent by_default
on_primary -c 'ALTER ROLE by_default SET default_transaction_read_only = on'
agent on_standby
for number in "${!extensions[@]}"; do agent "by_other$number"; done
agent locked
agent locked_superuser SUPERUSER
for role in locked locked_superuser; do
	on_primary -c "ALTER ROLE $role SET session_preload_libraries = '$library'" \
		-c "ALTER ROLE $role SET pg_session_readonly.mode = locked"
done
python=$(on_primary -c "SELECT name FROM pg_available_extensions WHERE name = 'plpython3u'")
[ -z "$python" ] || on_primary -c 'CREATE EXTENSION plpython3u' \
	-c "UPDATE pg_language SET lanpltrusted = true WHERE lanname = 'plpython3u'" \
	-c 'REVOKE USAGE ON LANGUAGE plpython3u FROM PUBLIC' -c 'GRANT USAGE ON LANGUAGE plpython3u TO agents'
set_user=$(on_primary -c "SELECT name FROM pg_available_extensions WHERE name = 'set_user'")
if [ -n "$set_user" ]; then
	on_primary -c 'CREATE EXTENSION set_user' -c \
		'GRANT EXECUTE ON FUNCTION set_user(text), set_user_u(text), reset_user() TO by_set_user'
fi

as_server_user "$bin/pg_basebackup" -h "$work" -p $primary -U postgres -D "$work/standby" -R -c fast --no-sync
pg_server standby $standby start

# --- the attacks ---
# attack NAME HOW PROBE <<SQL: the attack went through if the probe, a query or
# (beginning with "!") a shell command, gives something else after it than before.
# HOW: "plain"; "late" if the effect may take a moment; "held" if it lasts as long
# as the attacker's session; "bystander" and "listener" start another session.
names=() hows=() probes=()
attack()
{
	cat >"attack.${#names[@]}"
	names+=("$1") hows+=("$2") probes+=("$3")
}

attack 'INSERT' plain 'SELECT count(*) FROM victim' <<<'INSERT INTO victim VALUES (1000);'
attack 'CREATE TABLE' plain "SELECT to_regclass('stolen')" <<<'CREATE TABLE stolen (i int);'
attack 'DROP TABLE' plain "SELECT to_regclass('victim')" <<<'DROP TABLE victim;'
attack '`COMMIT; DROP TABLE victim; --` in one message' plain "SELECT to_regclass('victim')" \
	<<<'COMMIT\; DROP TABLE victim\; --;
;'
attack '`BEGIN READ WRITE`, DELETE' plain 'SELECT count(*) FROM victim' \
	<<<'BEGIN READ WRITE; DELETE FROM victim; COMMIT;'
attack '`SET default_transaction_read_only = off`, DELETE' plain 'SELECT count(*) FROM victim' \
	<<<'SET default_transaction_read_only = off; DELETE FROM victim;'
attack '`RESET ALL`, `DISCARD ALL`, unlock, UPDATE' plain "SELECT count(*) FROM victim WHERE t = 'changed'" <<'SQL'
RESET ROLE; RESET SESSION AUTHORIZATION; RESET ALL;
DISCARD ALL;
SET pg_session_readonly.mode = off;
SELECT set_config('pg_session_readonly.' || 'mode', 'off', false);
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
:unlock
SET SESSION AUTHORIZATION postgres; SET ROLE postgres;
UPDATE victim SET t = 'changed';
SQL
attack '`EXPLAIN ANALYZE CREATE TABLE AS`' plain "SELECT to_regclass('stolen')" \
	<<<'EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1;'
attack 'VACUUM' plain "SELECT relpages, reltuples FROM pg_class WHERE relname = 'victim'" <<<'VACUUM victim;'
attack 'ANALYZE' plain "SELECT count(*) FROM pg_statistic WHERE starelid = 'victim'::regclass" <<<'ANALYZE victim;'
attack 'REINDEX' plain "SELECT relfilenode FROM pg_class WHERE relname = 'victim_pkey'" <<<'REINDEX TABLE victim;'
attack '`ALTER SYSTEM`' plain '!cat "$data/postgresql.auto.conf"' \
	<<<'ALTER SYSTEM SET cursor_tuple_fraction = 0.2;'
attack '`COPY … TO PROGRAM`' plain "!ls $work/loot" <<<"COPY victim TO PROGRAM 'cat > $work/loot/program';"
attack '`COPY … TO` a file' plain "!ls $work/loot" <<<"COPY victim TO '$work/loot/file';"
attack 'LOAD of a library with an effect, from `$libdir/plugins`' plain "!ls $work/loot" <<<"LOAD '\$libdir/plugins/intruder';"
attack 'NOTIFY' listener '!cat listener.out' <<<'NOTIFY loot;'
attack '`LOCK TABLE`' held "SELECT count(*) FROM pg_locks WHERE relation = 'victim'::regclass AND mode = 'AccessExclusiveLock'" \
	<<<'BEGIN; LOCK TABLE victim;
\! sleep 2'
attack '`PREPARE TRANSACTION`' plain 'SELECT count(*) FROM pg_prepared_xacts' \
	<<<"BEGIN; SELECT count(*) FROM victim; PREPARE TRANSACTION 'left behind';"
attack '`nextval()`' plain 'SELECT last_value, is_called FROM victim_seq' <<<"SELECT nextval('victim_seq');"
attack '`setval()`' plain 'SELECT last_value, is_called FROM victim_seq' <<<"SELECT setval('victim_seq', 99);"
attack '`DO`: `set_config()`, COMMIT, `nextval()`' plain 'SELECT last_value, is_called FROM victim_seq' <<'SQL'
DO $$ DECLARE x text; BEGIN
	COMMIT;
	x := set_config('default_transaction_' || 'read_only', 'off', false);
	COMMIT;
	x := nextval('victim_seq');
END $$;
SQL
attack '`lo_create()`' plain 'SELECT count(*) FROM pg_largeobject_metadata' <<<'SELECT lo_create(0);'
attack '`lo_unlink()`' plain 'SELECT count(*) FROM pg_largeobject_metadata' <<<'SELECT lo_unlink(4711);'
attack '`lo_unlink()` by fastpath' plain 'SELECT count(*) FROM pg_largeobject_metadata' <<<'\lo_unlink 4711'
attack '`lo_export()` to a file' plain "!ls $work/loot" <<<"SELECT lo_export(4711, '$work/loot/large');"
attack '`pg_terminate_backend()` of a bystander' bystander \
	"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bystander'" \
	<<<"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bystander';"
attack '`pg_reload_conf()`' late 'SELECT pg_conf_load_time()' <<<'SELECT pg_reload_conf();'
attack '`pg_stat_reset()`' late 'SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()' \
	<<<'SELECT pg_stat_reset();'
attack '`pg_advisory_lock()`' held "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'" \
	<<<'BEGIN; SELECT pg_advisory_lock(1);
\! sleep 2'
attack '`pg_logical_emit_message()`' plain '!grep -lr "intruder was here, behind $guard" "$data/pg_wal"' \
	<<<"SELECT pg_logical_emit_message(true, 'loot', 'intruder was here, ' || 'behind ' || :'guard');"
attack '`pg_create_physical_replication_slot()`' plain 'SELECT count(*) FROM pg_replication_slots' \
	<<<"SELECT pg_create_physical_replication_slot('stolen');"
attack '`pg_replication_origin_create()`' plain 'SELECT count(*) FROM pg_replication_origin' \
	<<<"SELECT pg_replication_origin_create('stolen');"
attack '`dblink()` to the same server, DROP TABLE' plain "SELECT to_regclass('victim')" \
	<<<"SELECT * FROM dblink(format('host=$work port=%s dbname=shop user=%s password=loot options=''-c default_transaction_read_only=off''', current_setting('port'), current_user), 'DROP TABLE victim') t (x text);"
attack '`heap_force_kill()` (pg_surgery)' plain 'SELECT count(*) FROM victim' \
	<<<"SELECT heap_force_kill('victim', '{\"(0,1)\"}');"
[ -z "$python" ] || attack '`DO LANGUAGE plpython3u`' plain "!ls $work/loot" \
	<<<"DO LANGUAGE plpython3u \$\$ open('$work/loot/python', 'w') \$\$;"

# --- the reads ---
# A read works if the client ends without an error.
reads=()
reading()
{
	cat >"read.${#reads[@]}"
	reads+=("$1")
}

reading 'a parallel query' <<'SQL'
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
EXPLAIN SELECT count(*) FROM facts;
SELECT count(*) FROM facts;
SQL
reading '`pg_dump`' <<<'pg_dump'
reading '`COPY … TO STDOUT`' <<<'COPY victim TO STDOUT;'
reading '`EXPLAIN ANALYZE SELECT`' <<<'EXPLAIN ANALYZE SELECT * FROM victim;'
reading '`PREPARE`, `EXECUTE`' <<<'PREPARE q (int) AS SELECT * FROM victim WHERE i = $1; EXECUTE q (1);'
reading 'a cursor in a transaction, a savepoint' <<'SQL'
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
DECLARE c CURSOR FOR SELECT * FROM victim;
SAVEPOINT s; FETCH 10 FROM c; ROLLBACK TO s; COMMIT;
SQL
reading '`LOCK TABLE … IN ACCESS SHARE MODE`' <<<'BEGIN; LOCK TABLE victim IN ACCESS SHARE MODE; COMMIT;'
reading '`DO` that reads' <<<'DO $$ BEGIN PERFORM count(*) FROM victim; END $$;'
reading '`random()`, `pg_sleep()`' <<<'SELECT random(), pg_sleep(0);'
reading '`gen_random_bytes()` (pgcrypto)' <<<'SELECT gen_random_bytes(4);'
reading '`SET`, `RESET`, `RESET ALL`' <<<"SET work_mem = '8MB'; RESET work_mem; RESET ALL;"
reading '`DISCARD ALL`' <<<'DISCARD ALL;'
reading 'a temporary table' <<<'CREATE TEMPORARY TABLE t AS SELECT * FROM victim;'

# Everything that an attack aims at, as new.
cat >fresh.sql <<'SQL'
SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts \gexec
SELECT FROM (SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'stolen') s;
SELECT FROM (SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = 'stolen') s;
SELECT FROM (SELECT lo_unlink(oid) FROM pg_largeobject_metadata) s;
SELECT FROM lo_from_bytea(4711, 'loot');
SET client_min_messages = error;
ALTER SYSTEM RESET ALL;
DROP TABLE IF EXISTS victim, stolen;
DROP SEQUENCE IF EXISTS victim_seq;
CREATE TABLE victim (i int PRIMARY KEY, t text);
INSERT INTO victim SELECT i, 'row ' || i FROM generate_series(1, 100) i;
CREATE SEQUENCE victim_seq;
ALTER TABLE victim OWNER TO agents;
ALTER SEQUENCE victim_seq OWNER TO agents;
ALTER LARGE OBJECT 4711 OWNER TO agents;
SQL
chmod 644 fresh.sql attack.* read.*

make_fresh()
{
	[ -z "$server_lock" ] || on_primary -c "$unlock" >/dev/null
	on_primary -f fresh.sql >/dev/null
	rm -f "$work"/loot/*
	[ -z "$server_lock" ] || on_primary -c "$server_lock" >/dev/null
	[ "$server" = $standby ] || return 0
	local lsn
	lsn=$(on_primary -c 'SELECT pg_current_wal_lsn()')
	for _ in $(seq 200); do
		[ "$(admin -c "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" != t ] || return 0
		sleep 0.05
	done
	die "the standby does not follow"
}

probe()
{
	case $1 in
		!*) (eval "${1#!}") 2>/dev/null || true ;;
		*) admin -v ON_ERROR_STOP=1 -c "$1" ;;
	esac
}

wait_for() # what query
{
	for _ in $(seq 100); do
		[ "$(admin -c "$2")" != t ] || return 0
		sleep 0.05
	done
	die "no $1"
}

# How often did the server crash?  Waits until it is there again.
crash_count()
{
	for _ in $(seq 300); do
		! "$bin/pg_isready" -q -p "$server" || break
		sleep 0.1
	done
	grep -c 'was terminated by signal' "$data.log" || true
}

# The attacker's session; $prelude is what its host sends first.
as_attacker() # file more-options
{
	{ printf '%s\n' "$prelude"; cat "$1"; } |
		"$bin/psql" -X -q -v guard="$guard" -v unlock="$unlock" "${@:2}" -U "$guard" -p "$server" -f - >>"$work/attackers.log" 2>&1
}

# Run a read and set $outcome.
run_read()
{
	local crashes file=read.$1
	crashes=$(crash_count)
	printf '\n--- %s: %s\n' "$guard" "${reads[$1]}" >>attackers.log
	outcome=works
	if [ "$(cat "$file")" != pg_dump ]; then
		as_attacker "$file" -v ON_ERROR_STOP=1 || outcome='**refused**'
	elif [ -n "$prelude" ]; then
		outcome=–
	else
		"$bin/pg_dump" -U "$guard" -p "$server" -t victim >>attackers.log 2>&1 || outcome='**refused**'
	fi
	[ "$(crash_count)" = "$crashes" ] || outcome='**crashed the server**'
}

# Run an attack and set $outcome.
run_attack()
{
	local number=$1 how=${hows[$1]} probe=${probes[$1]} before after crashes helper=
	make_fresh
	case $how in
		bystander)
			rm -f helper.in
			mkfifo helper.in
			PGAPPNAME=bystander "$bin/psql" -X -U app -p "$server" <helper.in >/dev/null 2>&1 &
			helper=$!
			exec 4>helper.in
			wait_for bystander "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'bystander'"
			;;
		listener)
			rm -f helper.in
			mkfifo helper.in
			PGAPPNAME=listener "$bin/psql" -X -q -At -U app -p "$server" <helper.in >listener.out 2>/dev/null &
			helper=$!
			exec 4>helper.in
			echo 'LISTEN loot;' >&4
			# a standby does not let it listen
			wait_for listener "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'listener' AND query LIKE 'LISTEN%' AND state = 'idle'"
			;;
	esac
	before=$(probe "$probe")
	crashes=$(crash_count)
	printf '\n--- %s: %s\n' "$guard" "${names[$number]}" >>attackers.log
	if [ "$how" = held ]; then
		as_attacker "attack.$number" || true &
		local attacker=$!
		after=$before
		while [ "$after" = "$before" ] && kill -0 $attacker 2>/dev/null; do
			after=$(probe "$probe")
			sleep 0.05
		done
		wait $attacker || true
	else
		as_attacker "attack.$number" || true
		if [ "$(crash_count)" != "$crashes" ]; then
			outcome='**crashed the server**'
			return
		fi
		if [ "$how" = listener ]; then
			sleep 0.3
			echo 'SELECT 1;' >&4
			exec 4>&-
			wait "$helper" || true
			sed -i '/^1$/d' listener.out
			helper=
		fi
		after=$(probe "$probe")
		for _ in 1 2 3 4 5; do
			[ "$after" = "$before" ] && [[ $how =~ late|bystander ]] || break
			sleep 0.2
			after=$(probe "$probe")
		done
	fi
	if [ -n "$helper" ]; then
		exec 4>&-
		wait "$helper" 2>/dev/null || true
	fi
	outcome=stopped
	[ "$after" = "$before" ] || outcome='**went through**'
}

# --- the guards ---
guards=() titles=()
declare -A results through read_results
run_guard() # role title
{
	guard=$1
	guards+=("$guard") titles+=("$2")
	through[$guard]=0
	say "$2"
	make_fresh
	echo 'SELECT count(*) AS reads FROM victim;' >control.sql
	printf '\n--- %s: a read\n' "$guard" >>attackers.log
	as_attacker control.sql || true
	tail -n 5 attackers.log | grep -q '^ *100$' || { tail -n 5 attackers.log; die "behind \"$2\" nothing can be read"; }
	local number
	for number in "${!names[@]}"; do
		run_attack "$number"
		results[$guard,$number]=$outcome
		printf '   %-60s %s\n' "${names[$number]}" "$outcome"
		[ "$outcome" = stopped ] || through[$guard]=$((through[$guard] + 1))
	done
	make_fresh
	for number in "${!reads[@]}"; do
		run_read "$number"
		read_results[$guard,$number]=$outcome
		printf '   %-60s %s\n' "${reads[$number]}" "$outcome"
	done
}

data=$work/data prelude= server_lock= unlock=
: >attackers.log
run_guard unguarded 'nothing'
[ "${through[unguarded]}" = ${#names[@]} ] || die "an attack has no effect where nothing guards: the test is wrong"
[[ ${read_results[*]} != *'*'* ]] && grep -q 'Workers Planned' attackers.log || die "a read does not work where nothing guards"
run_guard by_default '`default_transaction_read_only`'
run_guard by_grants 'grants (`pg_read_all_data`)'
server=$standby data=$work/standby
run_guard on_standby 'hot standby'
server=$primary data=$work/data
if [ -n "$set_user" ]; then
	pg_server data $primary restart '-c shared_preload_libraries=set_user'
	prelude="SELECT set_user_u('postgres');"
	run_guard by_set_user 'set_user (`set_user_u(superuser)`)'
	prelude=
	pg_server data $primary restart
fi
for number in "${!extensions[@]}"; do
	name=${peers[number]}
	unlock=${unlocks[number]}
	if [[ ${locks[number]} == *"/plugins/$name"* ]]; then
		prelude=${locks[number]}
		run_guard "by_other$number" "$name"
	elif [ -n "${settings[number]}" ]; then
		pg_server data $primary restart "-c shared_preload_libraries=$name -c ${settings[number]}"
		run_guard "by_other$number" "$name"
		pg_server data $primary restart
	else
		pg_server data $primary restart "-c shared_preload_libraries=$name"
		on_primary -c "CREATE EXTENSION $name"
		server_lock=${locks[number]}
		run_guard "by_other$number" "$name, for the server"
		on_primary -c "$unlock" >/dev/null
		server_lock=
		pg_server data $primary restart
	fi
	prelude= unlock=
done
run_guard locked '`pg_session_readonly.mode = locked`'
run_guard locked_superuser '`pg_session_readonly.mode = locked` (superuser)'

# --- the table ---
exec 1>&3
package() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo '?'; }
echo "Run on $(date +%F), $(. /etc/os-release && echo "$PRETTY_NAME"): PostgreSQL $(on_primary -c 'SHOW server_version'),"
printf 'pg_session_readonly %s' "$(sed -n "s/^default_version = '\(.*\)'/\1/p" src/pg_session_readonly.control)"
[ -z "$set_user" ] || printf ', set_user %s' "$(package "postgresql-$version-set-user")"
[ ${#versions[@]} = 0 ] || printf ', %s' "${versions[@]}"
echo .
[ ${#missing[@]} = 0 ] || printf 'Could not be had, and was not tried: %s.\n' "${missing[@]}"
head_of_table()
{
	printf '\n| %s |' "$1"
	printf ' %s |' "${titles[@]}"
	printf '\n|---|'
	printf -- '---|%.0s' "${guards[@]}"
	echo
}
head_of_table attack
for number in "${!names[@]}"; do
	printf '| %s |' "${names[$number]}"
	for guard in "${guards[@]}"; do
		printf ' %s |' "${results[$guard,$number]}"
	done
	echo
done
printf '| **went through or crashed, of %d** |' "${#names[@]}"
for guard in "${guards[@]}"; do
	printf ' **%d** |' "${through[$guard]}"
done
echo
head_of_table read
for number in "${!reads[@]}"; do
	printf '| %s |' "${reads[$number]}"
	for guard in "${guards[@]}"; do
		printf ' %s |' "${read_results[$guard,$number]}"
	done
	echo
done

if [ -n "$chart" ]; then
	for number in "${!guards[@]}"; do
		printf '%s\t%d\n' "${titles[$number]//\`/}" "${through[${guards[$number]}]}"
	done | "$top/docs/compare-chart" ${#names[@]} >chart.svg
	cat chart.svg >"$chart"
fi
[ "${through[locked]}${through[locked_superuser]}" = 00 ] || die "pg_session_readonly let something through"
