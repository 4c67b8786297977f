#!/bin/bash
# What pgEdge SafeSession costs a point SELECT: instructions, counted as bench/measures
# counts them, in one run with a server without a library and with ours.  Prints a table.
#
#   docs/compare-cost.sh SOURCE       a directory, or what "git clone" takes
#
# A server in single-user mode, whose session becomes an ordinary one by SET SESSION
# AUTHORIZATION.  The lists are roles r1, or r1 to r20; "member" is a member of r20.
set -euo pipefail
. "$(dirname "$0")/../script/lib.sh"
[ $# = 1 ] || die "usage: docs/compare-cost.sh SOURCE"
source=$1
[ ! -d "$source" ] || source=$(realpath "$source")
only= profile=
. "$top/bench/lib.sh"
. "$top/bench/statements.sh"

find_version
need_packages "postgresql-$version" "postgresql-server-dev-$version" gcc make libc6-dev valgrind git ca-certificates >&2
bin=/usr/lib/postgresql/$version/bin
make_libraries
git -c safe.directory='*' clone -q "$source" peer || die "$source cannot be had"
about="commit $(git -c safe.directory='*' -C peer log -1 --format='%h of %cs')"
[ "$(id -u)" != 0 ] || chown -R postgres: peer
as_server_user make -s -C peer with_llvm=no PG_CONFIG="$bin/pg_config" >&2
make_database

roles=$(echo r{1..20} | tr ' ' ,)
{
	printf 'CREATE ROLE %s\n' r{1..20} other member
	echo 'GRANT r20 TO member'
	echo 'GRANT SELECT ON accounts TO other, member'
} | as_server_user "${single[@]}" postgres >/dev/null 2>"$work/errors"
! grep 'ERROR: ' "$work/errors" >&2 || die "the roles could not be made"

# A point SELECT of a session: mode (of run_input(); "trivial" is the peer's), list, role.
trivial=$work/peer/pgedge_safesession.so
plain=("${single[@]}")
count()
{
	single=("${plain[@]}")
	[ -z "$2" ] || single+=(-c "pgedge_safesession.roles=$2")
	begin_input
	[ -z "$3" ] || statement "SET SESSION AUTHORIZATION $3"
	count_markers marker
	count_warm SELECT "${statements[0]#*|}"
	run_input "$1"
	section SELECT
}
row() # what, then as count()
{
	local counted
	counted=$(count "${@:2}")
	: "${first:=$counted}"
	awk -v what="$1" -v counted="$counted" -v first="$first" \
		'BEGIN { printf "| %s | %d | %+.1f %% |\n", what, counted, 100 * (counted / first - 1) }'
}

echo "Run on $(date +%F): PostgreSQL $("$bin/postgres" --version | sed 's/.*) //; s/ (.*//'), pgedge_safesession ($about)."
echo
echo "| a session of an ordinary role | instructions | |"
echo "|---|---|---|"
row 'no library' absent '' other
row 'pgedge_safesession, no role listed' trivial '' other
row 'pgedge_safesession, one role listed, the session not restricted' trivial r1 other
row 'pgedge_safesession, 20 roles listed, the session not restricted' trivial "$roles" other
row 'pgedge_safesession, one role listed, the session a member of it' trivial r20 member
row 'pgedge_safesession, 20 roles listed, the session a member of the last' trivial "$roles" member
row 'pg_session_readonly, `off`' off '' other
row 'pg_session_readonly, `locked`' locked '' other
