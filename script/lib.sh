# What script/demo and script/test share: packages, versions, a place to build.
# Sourced by bash.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# The major version that this distribution has.
distribution_version()
{
	apt-cache show postgresql 2>/dev/null |
		sed -n 's/^Depends:.*postgresql-\([0-9]\{2,\}\).*/\1/p' | sort -n | tail -n 1
}

# Install what is missing of these packages, or tell how.
need_packages()
{
	local missing=() package
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
			missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		die "packages are missing; as root, run:
    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
	fi
	say "installing ${missing[*]}"
	# no service is to start
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
	apt-get install -y --no-install-recommends "${missing[@]}" >/tmp/pgsr-apt.log 2>&1 ||
		{ apt-get update >/dev/null && apt-get install -y --no-install-recommends "${missing[@]}"; } \
			>/tmp/pgsr-apt.log 2>&1 ||
		{ tail -n 20 /tmp/pgsr-apt.log >&2; die "could not install ${missing[*]}"; }
}

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

# Copy the tree into a new directory that the server's user may write, and set
# $work to it.  It goes away with the script.
make_work_copy()
{
	work=$(mktemp -d /tmp/pgsr.XXXXXX)
	trap 'leave' EXIT
	mkdir "$work/src"
	(cd "$top" && git -c safe.directory="$top" ls-files -co --exclude-standard 2>/dev/null || find . -type f) |
		(cd "$top" && while read -r file; do [ -e "$file" ] && printf '%s\n' "$file"; done) |
		tar -C "$top" -cf - -T - | tar -C "$work/src" -xf -
	[ "$(id -u)" != 0 ] || chown -R postgres: "$work"
	chmod 755 "$work"
}

leave()
{
	[ -z "${on_leave:-}" ] || $on_leave || true
	rm -rf "$work"
}
