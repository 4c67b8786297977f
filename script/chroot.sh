# Chroots with the PostgreSQL versions that this distribution does not have.
# Sourced by bash, after lib.sh.

# The release of Debian that has a version, and the one laid over it.
release_of()
{
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo sid ;;
		19) echo sid experimental ;;
		*) die "no release of Debian is known to have PostgreSQL $1; take it from the PostgreSQL project, or its source:
    sudo script/pgdg $1
    script/test --source TREE" ;;
	esac
}

# The archives that this machine takes packages from, one a line: origin, label,
# where, suite, component.  apt reads its configuration for us; it tells only of
# those whose lists it has.  A name for a list of mirrors, as on cloud images,
# stands for the first in that list.
apt_sources()
{
	local origin label uri suite component
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' \
		'Created-By: Packages' |
		while IFS='|' read -r origin label uri suite component; do
			uri=${uri%/}
			case $uri in
				mirror+file:*) uri=$(sed 's/#.*//' "${uri#mirror+file:}" | awk 'NF { print $1; exit }') ;;
			esac
			printf '%s|%s|%s|%s|%s\n' "$origin" "$label" "${uri%/}" "$suite" "$component"
		done
}

# The first Debian archive among them.
debian_mirror()
{
	apt_sources | awk -F'|' '$1 == "Debian" && $2 == "Debian" && $5 == "main" && !n++ { print $3 }'
}

# Set $mirror to the Debian archive to use.
find_mirror()
{
	mirror=${PGSR_MIRROR:-}
	[ -n "$mirror" ] || mirror=$(debian_mirror)
	if [ -z "$mirror" ] && [ "$(id -u)" = 0 ]; then
		update_lists
		mirror=$(debian_mirror)
	fi
	case $mirror in
		http://?* | https://?* | file:/?*) ;;
		'') die "this machine's apt sources name no Debian archive, for a chroot; give one, or do without:
    $0 --mirror URL     (or set PGSR_MIRROR)
    sudo script/pgdg VERSION     (packages of the PostgreSQL project)" ;;
		*) die "\"$mirror\" is of no use for a chroot; give the URL of a Debian archive, http: or https:
    $0 --mirror URL     (or set PGSR_MIRROR)" ;;
	esac
}

# Make the chroot $root of a release in which nothing starts by itself.
bootstrap_chroot()
{
	local suite=$1 from=$2 https=
	need_packages debootstrap
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || need_packages debian-archive-keyring
	case $from in https:*) https=--include=ca-certificates ;; esac
	rm -rf --one-file-system "$root"
	debootstrap --variant=minbase $https "$suite" "$root" "$from" >"$root.log" 2>&1 ||
		{ tail -n 5 "$root.log" >&2; die "debootstrap failed, see $root.log"; }

	# The Release files of sid and experimental may be past their date.  They
	# are still checked for their signature.
	cat >"$root/etc/apt/apt.conf.d/pgsr" <<-END
		Acquire::Check-Valid-Until "false";
		APT::Install-Recommends "false";
	END
	# no service starts, no cluster is made
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod +x "$root/usr/sbin/policy-rc.d"
	mkdir -p "$root/etc/postgresql-common"
	echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
	# as on the host
	cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
	cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
}

# Take another release into $root, with packages of these names from there only
# if they are wanted more or less than the rest.
add_release()
{
	local suite=$1 packages=$2 pin=$3 priority=$4
	echo "deb $mirror $suite main" >>"$root/etc/apt/sources.list"
	cat >"$root/etc/apt/preferences.d/pgsr-$suite" <<-END
		Package: $packages
		Pin: release $pin=$suite
		Pin-Priority: $priority
	END
}

# The chroot is complete: read its package lists, and keep it.
finish_chroot()
{
	in_chroot apt-get update >>"$root.log" 2>&1 ||
		{ tail -n 5 "$root.log" >&2; die "apt-get update failed, see $root.log"; }
	touch "$root/.ready"
}

# Hold the lock of something that is kept, while it is made: two runs may want it
# at the same time.
lock_kept()
{
	mkdir -p "$(dirname "$1")"
	exec {kept_lock}>"$1.lock"
	flock -n "$kept_lock" || { say "waiting for another run that makes $1"; flock "$kept_lock"; }
}
unlock_kept() { exec {kept_lock}>&-; }

# Make a chroot for a version, if it is not there, and set $root to it.
make_chroot()
{
	local version=$1 suite over release
	release=$(release_of "$version") || exit 1
	read -r suite over <<<"$release"
	root=$cache/pg$version
	lock_kept "$root"
	if [ ! -e "$root/.ready" ]; then
		find_mirror
		say "making a chroot of $suite${over:+ with $over} in $root"
		bootstrap_chroot "$suite" "$mirror"
		[ -z "$over" ] || add_release "$over" '*postgresql* libpq* libecpg* libpgtypes*' a 900
		finish_chroot
	fi
	# A mirror may have the release and not the version.
	has_server()
	{
		in_chroot apt-cache show "postgresql-$version" >/dev/null 2>&1
	}
	if ! has_server; then
		in_chroot apt-get update >>"$root.log" 2>&1 || true
		has_server || skip "no PostgreSQL $version in $release on $(awk '{ print $2; exit }' "$root/etc/apt/sources.list")"
	fi
	unlock_kept
}

# Is $version installed here, or can it be?
server_at_hand()
{
	[ -x "/usr/lib/postgresql/$version/bin/postgres" ] ||
		apt-cache show "postgresql-$version" >/dev/null 2>&1
}

# Unless $version can be had here, run this script in a chroot that has it, with these
# arguments, and end.
go_where_server_is()
{
	! server_at_hand || return 0
	need_lists
	[ "$(id -u)" = 0 ] || die "a chroot for PostgreSQL $version needs root; run:
    sudo $0 $*"
	make_chroot "$version"
	say "PostgreSQL $version, in $root"
	enter_chroot "script/$(basename "$0")" "$@"
	exit
}

# Run a command in the chroot.  What is mounted goes away with the command.
in_chroot()
{
	local proxy=() name
	for name in http_proxy https_proxy no_proxy; do
		[ -z "${!name:-}" ] || proxy+=("$name=${!name}")
	done
	unshare --mount sh -c '
		mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" || exit 1
		root=$0
		exec chroot "$root" "$@"' "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		LC_ALL=C.UTF-8 HOME=/root PGSR_CHROOT="$root" "${proxy[@]}" "$@"
}

# The same, on a copy of the tree.
enter_chroot()
{
	make_work_copy "$root"
	in_chroot sh -c 'cd "$0" && exec "$@"' "${work#"$root"}/src" "$@"
}
