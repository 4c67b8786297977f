# What the scripts share: packages, versions, a place to build, a server to test
# on.  Sourced by bash.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The server's user is another one, and has to read what root makes.
umask 022
# What libpq reads from the environment is for the machine's own servers.
for name in "${!PG@}"; do
	case $name in PGSR_* | PG_*) ;; *) unset "$name" ;; esac
done

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# What is kept for the next run: chroots, servers built from source.
if [ -n "${PGSR_CACHE:-}" ]; then
	cache=$PGSR_CACHE
elif [ "$(id -u)" = 0 ]; then
	cache=/var/cache/pg_session_readonly
else
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/pg_session_readonly
fi

# A test that cannot be run here: say why, count it, and tell .ci/run by the exit
# code that others use for it (automake, meson).
skip()
{
	say "skipped: $*"
	printf '\n0 passed, 0 failed, 1 skipped\n'
	exit 77
}

# What the script was given.  "--install", before anything else, ends it once the packages
# that it needs are there.
install_only=
[ "${1:-}" != --install ] || { install_only=yes; shift; }
given=("$@")

# What is left to do however the script ends.
apt_log=
work=
trap 'leave' EXIT
# what runs when ^C comes may end as if nothing were
trap 'exit 130' INT
leave()
{
	[ -z "$apt_log" ] || rm -f "$apt_log" "$apt_log.said" /etc/postgresql-common/createcluster.d/pgsr.conf
	[ -z "${on_leave:-}" ] || $on_leave || true
	[ -n "$work" ] || return 0
	end_servers
	rm -rf "$work"
}

# --- packages ---

begin_apt_log() { [ -n "$apt_log" ] || apt_log=$(mktemp /tmp/pgsr-apt.XXXXXX); }

# apt-get, waiting while another process holds one of apt's locks, as on every
# cloud image in its first minutes.  DPkg::Lock::Timeout would wait as well, but
# without a word, and not for the locks of "apt-get update".  What apt says is
# added to the file $apt_log.
apt_get()
{
	local until=$((SECONDS + 900)) told= said=$apt_log.said
	until LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null >"$said" 2>&1; do
		if [ "$SECONDS" -ge "$until" ] ||
			! grep -qE '^E: (Could not get lock|Unable to (lock|acquire))' "$said"; then
			cat "$said" >>"$apt_log"
			rm -f "$said"
			return 1
		fi
		[ -n "$told" ] || say "waiting for another process to leave apt alone" \
			"($(sed -n 's/^E: \(.*lock.*\)/\1/p' "$said" | head -n 1))"
		told=yes
		sleep 2
	done
	cat "$said" >>"$apt_log"
	rm -f "$said"
}

# Show what apt said, and give up.
apt_failed()
{
	sed 's/^/    /' "$apt_log" | tail -n 30 >&2
	die "$@"
}

# Read apt's package lists anew.  Some of a machine's sources may be out of reach:
# whether what is wanted can be had shows later.
update_lists()
{
	begin_apt_log
	apt_get update || sed 's/^/    /' "$apt_log" | tail -n 5 >&2
}

# The command that installs what this script needs, for who is not root.
install_command() { printf 'sudo %q --install' "$0"; [ ${#given[@]} = 0 ] || printf ' %q' "${given[@]}"; }

# Install what is missing of these packages, or tell how.  No server is to come of it: no
# service starts, no cluster "main" is made, and what else starts with the machine does not.
need_packages()
{
	local missing=() package clusters=/etc/postgresql-common/createcluster.d enabled unit
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
			missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || die "packages are missing: ${missing[*]}
To install them, and no server that starts by itself:
    $(install_command)"
	say "installing ${missing[*]}"
	begin_apt_log
	export RUNLEVEL=1
	mkdir -p "$clusters"
	echo 'create_main_cluster = false' >"$clusters/pgsr.conf"
	enabled=$(enabled_units)
	apt_get install -y --no-install-recommends "${missing[@]}" ||
		{ apt_get update || true; apt_get install -y --no-install-recommends "${missing[@]}"; } ||
		apt_failed "could not install ${missing[*]}"
	rm "$clusters/pgsr.conf"
	rmdir --ignore-fail-on-non-empty "$clusters"
	# the server's own service has nothing to start without a cluster
	for unit in $(comm -13 <(echo "$enabled") <(enabled_units) | grep -v '^postgresql'); do
		update-rc.d "${unit%.service}" disable >/dev/null 2>&1 || true
		deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true
	done
}

# Services that start with the machine.
enabled_units() { ls /etc/systemd/system/multi-user.target.wants 2>/dev/null | grep '[.]service$' | sort || true; }

# Those of these packages that apt knows.
known_packages()
{
	apt-cache pkgnames 2>/dev/null | LC_ALL=C sort | LC_ALL=C comm -12 - <(printf '%s\n' "$@" | LC_ALL=C sort -u)
}

# --- versions ---

# The major version that this distribution has.
distribution_version()
{
	{ apt-cache show postgresql 2>/dev/null || true; } |
		sed -n 's/^Depends:.*postgresql-\([0-9]\{2,\}\).*/\1/p' | sort -n | tail -n 1
}

# Set $host_version to it, or to nothing.
find_distribution_version()
{
	host_version=$(distribution_version)
	if [ -z "$host_version" ] && [ "$(id -u)" = 0 ]; then
		update_lists
		host_version=$(distribution_version)
	fi
}

# Set $version to the newest that is installed, or else the distribution's.
find_version()
{
	version=$(ls /usr/lib/postgresql 2>/dev/null | grep -E '^[0-9]+$' | sort -n | tail -n 1 || true)
	[ -z "$version" ] || return 0
	find_distribution_version
	version=$host_version
	[ -n "$version" ] || no_version
}

# No server here, and none that could be installed: say why.
no_version()
{
	command -v apt-cache >/dev/null || die "these scripts take PostgreSQL from Debian's or Ubuntu's packages; elsewhere:
    make && sudo make install && make installcheck"
	need_lists
	die "apt's package lists have no PostgreSQL"
}

# Tell who is not root that apt knows of no packages yet.
need_lists()
{
	[ "$(id -u)" = 0 ] || [ -n "$(apt-cache pkgnames postgresql-common)" ] || die "apt's package lists are empty.
To read them, and install what is missing, and no server that starts by itself:
    $(install_command)"
}

# --- places ---

# A server refuses to run as root: then everything that needs no root is done by
# the user postgres.
as_server_user()
{
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

# Copy the tree into src/ of a new directory (in a chroot, if one is given) that
# the server's user may write, and set $work to it.  It goes away with the script.
make_work_copy()
{
	[ -z "$install_only" ] || exit 0
	work=$(mktemp -d "${1:-}/tmp/pgsr.XXXXXX")
	mkdir "$work/src"
	(cd "$top" && git -c safe.directory="$top" ls-files -co --exclude-standard 2>/dev/null || find . -type f) |
		(cd "$top" && while read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done) |
		tar -C "$top" -cf - -T - | tar -C "$work/src" -xf -
	if [ -n "${1:-}" ]; then
		chown -R root: "$work"
	elif [ "$(id -u)" = 0 ]; then
		chown -R postgres: "$work"
	fi
	chmod 755 "$work"
}

# Copy a server to $work/server, and set $bin to its programs: the one that is installed
# as $1, or if that is empty the distribution's $version.  The library is installed into
# the copy, so that several runs do not get in each other's way, and the machine's own
# server has nothing to do with it.  The programs find their files by where they are.
copy_server()
{
	if [ -n "$1" ]; then
		cp -a "$1" "$work/server"
		bin=$work/server/bin
	else
		mkdir -p "$work/server/usr/lib/postgresql" "$work/server/usr/share/postgresql"
		cp -a "/usr/lib/postgresql/$version" "$work/server/usr/lib/postgresql/"
		cp -a "/usr/share/postgresql/$version" "$work/server/usr/share/postgresql/"
		ln -s /usr/include "$work/server/usr/include"
		bin=$work/server/usr/lib/postgresql/$version/bin
	fi
	[ "$(id -u)" != 0 ] || chown -R postgres: "$work/server"
	as_server_user "$bin/psql" --version >/dev/null ||
		die "${1:-/usr/lib/postgresql/$version} has to be in a place that the user postgres can read;" \
			"for what is kept, PGSR_CACHE can name another"
}

# End what was started in $work and has written its process id there: after ^C the tests'
# own servers still run.
end_servers()
{
	local file pid
	find "$work" \( -name postmaster.pid -o -name pgbouncer.pid \) | while read -r file; do
		pid=$(head -n 1 "$file")
		! grep -qsF "$work/" "/proc/$pid/cmdline" || kill -QUIT "$pid"
		while grep -qsF "$work/" "/proc/$pid/cmdline"; do sleep 0.1; done
	done
}

# --- servers ---

# Start a throwaway server of the programs in $bin, with all it has in a directory
# of the server's user, and leave the environment so that clients find it.  It
# listens on a socket there and nowhere else: others may run at the same time.
start_server()
{
	local dir=$1 options=${2:-}
	[ -e "$dir/data" ] ||
		as_server_user "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null
	as_server_user "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -s -w -o \
		"-p 5432 -c listen_addresses= -c unix_socket_directories=$dir -c fsync=off $options" start ||
		{ tail -n 20 "$dir/server.log" >&2; die "the server does not start"; }
	export PGHOST=$dir PGPORT=5432 PGUSER=postgres
}

stop_server()
{
	as_server_user "$bin/pg_ctl" -D "$1/data" -m immediate -s stop 2>/dev/null || true
}

# Where tests note the ports that they take for TCP, so that other runs on this machine
# take others.
share_ports()
{
	export PG_TEST_PORT_DIR=$cache/ports
	mkdir -p "$PG_TEST_PORT_DIR"
	[ "$(id -u)" != 0 ] || chown postgres: "$PG_TEST_PORT_DIR"
}
