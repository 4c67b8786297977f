# The sweep over settings: in locked sessions of an ordinary role, give every setting
# that anyone may set, of all contrib modules, languages and extensions that are
# installed, each kind of value, and use the session; then show from other sessions that
# it has made no difference.  A setting that does is to be a row of
# src/acting_settings.h, which every locked session keeps as it is.
#
# What changes all the same is found out beforehand, by sessions that set nothing.  A
# difference is a thing that changes and did not, or that does not change any more (a
# session that hides from what is recorded of it).
#
# Run by script/test --sweep; PGSR_SWEEP names settings, where not all are wanted.

use strict;
use warnings;
use ExtensionSettings qw(start_with_all extension_settings);
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use Wire;

# How often a session that sets nothing is looked at, and how often what was found has to
# be found again.
my ($plain_runs, $repeats) = (5, 3);

# Sessions so far.
my $n = 0;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', q(
	autovacuum = off
	max_connections = 400
	max_wal_size = 10GB
	checkpoint_timeout = 1h
	log_statement = none
	log_min_messages = log
	log_min_error_statement = panic
	cron.database_name = 'everything'));
my @preloaded = start_with_all($node);

# Values name files here; nothing has to come to be there.
my $scratch = PostgreSQL::Test::Utils::tempdir();
chmod 0777, $scratch;

# --- something to use ---
$node->safe_psql('postgres', "CREATE DATABASE everything TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
my $columns = 40;
{
	my $session = Wire->new($node, dbname => 'everything');
	my @names = split /\n/, $session->run('SELECT name FROM pg_available_extensions ORDER BY name');
	for my $name (@names)
	{
		# of those whose names clash the first is there, or each has a schema of its own
		my $one = Wire->new($node, dbname => 'everything');
		$one->run("SET statement_timeout = '60s'", 'SET client_min_messages = error');
		my $made = $one->query(qq(CREATE EXTENSION IF NOT EXISTS "$name" CASCADE));
		$one->query(qq(BEGIN; CREATE SCHEMA "in_$name"; CREATE EXTENSION "$name" SCHEMA "in_$name"; COMMIT)) if $made->{code};
		$one->quit;
	}
	$session->run(
		'CREATE TABLE victim AS SELECT i AS c0, ' . join(', ', map { "i % $_ AS c$_" } 1 .. $columns - 1) . ' FROM generate_series(1, 100) i',
		'ANALYZE victim', 'GRANT SELECT ON victim TO public', 'CREATE ROLE sweeper LOGIN IN ROLE pg_monitor',
		q(ALTER ROLE sweeper SET statement_timeout = '10s'),
		# a function that is refused, and shows where it runs all the same
		q(CREATE FUNCTION sweep_trace() RETURNS void LANGUAGE internal AS 'pg_stat_reset'));
	$session->quit;
}

# In each language a function that is used, and one that is refused and tells where it
# runs all the same; by the library of the language.
my %language;
my (@used, @refused);
{
	my $session = Wire->new($node, dbname => 'everything');
	my $made = sub {
		my ($name, $language, @bodies) = @_;
		for my $body (@bodies)
		{
			my $result = $session->query(qq(CREATE OR REPLACE FUNCTION $name() RETURNS int LANGUAGE "$language" AS \$body\$$body\$body\$));
			next if $result->{code};
			return $body if $name =~ /^refused/ && $session->query("SELECT $name()")->{message} =~ /sweep_trace_ran/;
			return $body if $name =~ /^used/ && $session->query("SELECT $name()")->{code} eq '';
		}
		$session->query("DROP FUNCTION IF EXISTS $name()");
		return;
	};
	for (split /\n/, $session->run(q(
		SELECT l.lanname, regexp_replace(p.probin, '^.*/|[.]so$', '', 'g')
		FROM pg_language l JOIN pg_proc p ON p.oid = l.lanplcallfoid)))
	{
		my ($name, $library) = split /\|/;
		my %function;
		$function{used} = "public.used_$name"
		  if $made->("used_$name", $name, 'BEGIN RETURN 1; END', 'return 1;', 'return 1', '1', "#!/bin/sh\necho 1");
		$function{code} = $made->("refused_$name", $name, q(BEGIN RAISE 'sweep_%_ran', 'trace'; END),
			q(throw new Error('sweep_' + 'trace_ran');), q(error('sweep_' .. 'trace_ran')), q(die 'sweep_' . 'trace_ran';),
			q(raise Exception('sweep_' + 'trace_ran')), q(error sweep_[string cat trace]_ran), q(stop(paste0('sweep_', 'trace_ran'))));
		push @used, $function{used} if $function{used};
		push @refused, $function{refused} = "refused_$name" if $function{code};
		push @{ $language{$library} }, \%function;
	}
	$session->run(
		"ALTER ROLE sweeper SET pg_session_readonly.allowed_functions = '" . join(', ', @used) . "'",
		"ALTER ROLE sweeper SET pg_session_readonly.denied_functions = '" . join(', ', 'sweep_trace', @refused) . "'",
		"ALTER ROLE sweeper SET pg_session_readonly.mode = 'locked'");
	$session->quit;
}

# --- the settings ---
my $settings = extension_settings($node, 'everything');
my %wanted = map { $_ => 1 } split(/[ ,]+/, $ENV{PGSR_SWEEP} // '');
my @names = grep { !%wanted || $wanted{$_} } sort keys %$settings;
cmp_ok(scalar @names, '>', %wanted ? 0 : 5, 'settings: ' . scalar @names);

sub quoted { return "'" . $_[0] =~ s/'/''/gr . "'" }

# Each kind of value of a setting.  Where an administrator has switched all off or on,
# only what may depend on that.
sub values_of
{
	my ($setting, $base) = @_;
	my %seen;
	return grep { $base ne "all $_" } ('on', 'off') if $setting->{type} eq 'bool';
	return @{ $setting->{values} } if $setting->{type} eq 'enum';
	return ($setting->{min}, $setting->{max}) if $setting->{type} eq 'real' && $base ne 'as it comes';
	return if $base ne 'as it comes';
	return grep { !$seen{$_}++ } ($setting->{min}, $setting->{max}, int(($setting->{min} + ($setting->{value} || 1)) / 2), int($setting->{value} + 1))
	  if $setting->{type} =~ /^(?:integer|real)$/;
	return ("$scratch/file$n", 'sweep_trace', 'public.sweep_trace', 'SELECT public.sweep_trace()', q(it's "garbage; \\), '',
		map { grep { defined } @$_{qw(used refused code)} } @{ $language{ $setting->{library} } // [] });
}

# --- what it looks like from outside ---
# One session that is as any, where the setting's library is loaded as well; one that
# looks at the views of the server's activity, and at all that the extensions show, by
# views or functions without arguments.  That one is locked itself: it must not act.
my ($outside, $looker, @watched, $library);

# Their own statements are not to be recorded.
my @unrecorded = ('SET pg_qualstats.enabled = off');

sub open_outside
{
	$outside->quit if $outside;
	$outside = Wire->new($node, dbname => 'everything');
	$outside->query("LOAD '$library'") if $library ne '';
	$outside->query($_) for @unrecorded;
}

{
	my $session = Wire->new($node, dbname => 'everything');
	# pgnodemx shows the machine, on which others do something as well
	my @objects = split /\n/, $session->run(q(
		WITH shown AS (
			SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
			WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname NOT IN ('pgnodemx', 'pg_session_readonly'))
		SELECT c.oid::regclass::text FROM pg_class c
		WHERE c.relkind IN ('v', 'm') AND (relnamespace = 'pg_catalog'::regnamespace
				AND c.relname ~ '^pg_(stat_(?!all_|sys_|xact_)|locks|shmem_|replication_|prepared_xacts|dsm_)'
			OR EXISTS (SELECT FROM shown WHERE shown.classid = 'pg_class'::regclass AND shown.objid = c.oid))
		UNION ALL
		SELECT p.oid::regproc || '()' FROM pg_proc p
		WHERE p.prokind = 'f' AND p.pronargs = p.pronargdefaults
			AND (p.proretset OR p.provolatile = 'v') AND p.prorettype::regtype::text !~ '^(void|internal|trigger|event_trigger|.*_handler)$'
			AND (p.prorettype <> 'record'::regtype OR p.proallargtypes IS NOT NULL)
			AND EXISTS (SELECT FROM shown WHERE shown.classid = 'pg_proc'::regclass AND shown.objid = p.oid)));
	# what answers, and soon
	for my $object (@objects)
	{
		$looker //= locked_looker();
		my @result = map { $looker->query($_) } 'DEALLOCATE ALL', 'PREPARE one AS ' . look_at($object), 'EXECUTE one';
		my $start = time;
		push @watched, $object if !grep { $_->{code} } @result, $looker->query('EXECUTE one') and time - $start < 0.01;
		undef $looker if $looker->{closed};
	}
	$session->quit;
	$looker = locked_looker();
	diag('sweep: ' . @names . ' settings; ' . @watched . ' of ' . @objects . ' views and functions are looked at; preloaded: ' . "@preloaded");
}

# A session of a superuser that only looks.
sub locked_looker
{
	my $session = Wire->new($node, dbname => 'everything');
	$session->run(@unrecorded, "SET statement_timeout = '1s'", 'SET jit = off', 'SET max_parallel_workers_per_gather = 0',
		'SET plan_cache_mode = force_generic_plan', "LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked',
		map { "PREPARE w$_ AS " . look_at($watched[$_]) } 0 .. $#watched);
	return $session;
}

# A query for what an object shows: the number of its rows, and of each column a hash.
sub look_at
{
	my ($object) = @_;
	my $name = quoted("$object ");
	return qq(
		WITH r AS MATERIALIZED (SELECT row_to_json(y) AS r FROM (SELECT * FROM $object) y)
		SELECT $name || key, md5(string_agg(value, ' ' ORDER BY value)) FROM r, json_each_text(r) GROUP BY key
		UNION ALL SELECT $name || 'rows', count(*)::text FROM r);
}

# The server's processes, by the parent of each.
sub processes
{
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	my (%parent, %found);
	for my $dir (glob '/proc/[0-9]*')
	{
		open my $file, '<', "$dir/stat" or next;
		$parent{$1} = $2 if (<$file> // '') =~ /^(\d+) .*\) \w (\d+)/;
	}
	for my $pid (keys %parent)
	{
		my $above = $pid;
		$above = $parent{$above} while defined $above && $above ne $postmaster;
		$found{$pid} = 1 if defined $above && $pid ne $postmaster;
	}
	return sort keys %found;
}

sub file_text
{
	my ($name) = @_;
	open my $file, '<', $name or return '';
	local $/;
	return <$file> // '';
}

# All that can be seen: a value for each thing.
sub state
{
	my %state;
	for (@{ $outside->query('SELECT name, setting FROM pg_settings')->{rows} })
	{
		my ($name, $value) = split /\|/, $_, 2;
		$state{"setting $name"} = $value;
	}
	# all at once, or if one fails one by one
	my @looks = map { "EXECUTE w$_" } 0 .. $#watched;
	my @looked = $looker->query(join(';', @looks));
	@looked = map { $looker->query($_) } @looks if $looked[0]{code};
	die "cannot look: $looked[0]{message}" if $looker->{closed};
	for (map { @{ $_->{rows} } } @looked)
	{
		my ($what, $value) = split /\|/, $_, 2;
		$state{$what} = $value;
	}

	my %socket;
	for my $pid (processes())
	{
		$state{ 'process ' . file_text("/proc/$pid/cmdline") =~ s/\0.*//sr =~ s/\d+/N/gr }++;
		for (glob "/proc/$pid/fd/*")
		{
			$socket{$1} = 1 if (readlink // '') =~ /^socket:\[(\d+)\]/;
		}
	}
	for my $protocol (qw(tcp tcp6 udp udp6))
	{
		for (split /\n/, file_text("/proc/net/$protocol"))
		{
			my @field = split ' ';
			$state{"socket $protocol $field[1]"} = $field[3] if @field > 9 && $socket{ $field[9] };
		}
	}

	my $data = $node->data_dir;
	find({ no_chdir => 1, wanted => sub {
		# write-ahead log, and what the server's own processes keep
		return $File::Find::prune = 1 if m{/(?:pg_wal|pg_stat|pg_stat_tmp|pg_subtrans|pg_xact|pg_logical|pgsql_tmp)$};
		return if m{_fsm$|_vm$|pg_internal[.]init$};
		my @stat = lstat;
		return unless @stat;
		# of tables only that they are there
		$state{"file $_"} = m{/(?:base|global)/} || -d _ ? '' : "$stat[7] $stat[9]";
	} }, $data, $scratch);
	for (grep { -f $_ && (stat _)[4] == $> } glob '/tmp/* /tmp/.[!.]*')
	{
		$state{"file $_"} = join ' ', (stat _)[ 7, 9 ];
	}
	return \%state;
}

# --- one session, and what changes by it ---
my $crash = 'the server, which crashes';
my ($before, $stored);

# In a session these settings get these values.  Returns what has changed while it is
# there, and what after it, with the SQLSTATEs of the SETs.
sub run_session
{
	my @given = @_;
	my (%changed, @codes);
	my $answers = '';

	$before //= state();
	my $session = Wire->new($node, dbname => 'everything', user => 'sweeper');
	die "$library: no session: $session->{startup}{message}" if $session->{startup}{code};
	my $ask = sub {
		my $result = $session->query(@_);
		$answers .= join("\n", $result->{message}, @{ $result->{notices} }) . "\n";
		return $result;
	};
	my $mode = $ask->('SHOW pg_session_readonly.mode');
	die "$library: not locked: $mode->{message}" if ($mode->{rows}[0] // '') ne 'locked';
	push @codes, $ask->("SET $$_[0] = " . quoted($$_[1]))->{code} for @given;

	# a statement that has not been there before, in which no constants are alike either
	$n++;
	my ($one, $other) = ($n % $columns, int($n / $columns) % $columns);
	my $statement = "SELECT count(*) FROM public.victim WHERE c$one = $n AND c$other < 1000 + $n";
	$ask->($_) for $statement, "EXPLAIN $statement", "COPY ($statement) TO STDOUT", "SELECT 1 / ($n - $n)",
	  "DO \$\$ BEGIN PERFORM $n; END \$\$", map { "SELECT $_()" } grep { defined } 'used_plpgsql',
	  map { $_->{used} } @{ $language{$library} // [] };
	if ($session->{closed})
	{
		$node->poll_query_until('everything', 'SELECT true');
		$looker = locked_looker();
		open_outside();
		undef $before;
		return ({ $crash => 1 }, @codes);
	}
	$changed{'a refused function, which ran'} = 1 if $answers =~ /sweep_trace_ran/;

	my $look_again = sub {
		my ($when) = @_;
		my $state = state();
		for (keys %{ { %$before, %$state } })
		{
			# the file that was named has another name each time
			$changed{ s/^file \Q$scratch\E\K.*//r . " ($when)" } = 1 if ($before->{$_} // "\0") ne ($state->{$_} // "\0");
		}
		return $state;
	};
	$look_again->('while the session is there');
	$session->quit;
	for (1 .. 2500) { last unless kill 0, $session->{pid}; usleep 2000; }
	$before = $look_again->('afterwards');
	return (\%changed, @codes);
}

# What changes by a session that sets nothing, each time and sometimes.
my (%always, %sometimes);

sub run_plain_sessions
{
	my %times;

	undef $before;
	run_session();
	for (1 .. $plain_runs)
	{
		my ($changed) = run_session();
		$times{$_}++ for keys %$changed;
	}
	%always = map { $_ => 1 } grep { $times{$_} == $plain_runs } keys %times;
	%sometimes = map { $_ => 1 } keys %times;
}

# What is different, if these things have changed.
sub differences
{
	my ($changed) = @_;
	return ($crash) if $changed->{$crash};
	my @different = ((grep { !$sometimes{$_} } keys %$changed), map { "$_: no more" } grep { !$changed->{$_} } keys %always);
	return @different;
}

# --- sweep ---
my %found;
my ($sets, $pinned) = (0, 0);

# Give a setting a value, and again if that made a difference: is it there each time, and
# not where it is not given?
sub sweep_value
{
	my ($base, $name, $value) = @_;

	my ($changed, $code) = run_session([ $name, $value ]);
	return $pinned++ if $code eq '55P02';
	my @different = differences($changed);
	for (1 .. $repeats)
	{
		last if !@different || $different[0] eq $crash;

		# shared state that it has left behind is as before, by who may do that
		$outside->query($_) for "SET $name = " . quoted($stored->{$name} // $settings->{$name}{value}), "RESET $name";
		undef $before;
		my ($plain) = run_session();
		$sometimes{$_} = 1 for keys %$plain;
		delete @always{ grep { !$plain->{$_} } keys %always };

		($changed) = run_session([ $name, $value =~ m{^/} ? "$scratch/again$n" : $value ]);
		my %now = map { $_ => 1 } differences($changed);
		@different = grep { $now{$_} } @different;
	}
	return unless @different;

	# an object once, not each of its columns
	my %object = map { s/ \S+ \((?:while the session is there|afterwards)\)/ /r => 1 } @different;
	my $what = join(', ', sort keys %object);
	$what = substr($what, 0, 300) . '...' if length $what > 300;
	diag("sweep: $name = " . quoted($value) . " changes $what");
	$found{$name} //= "where the server is $base, " . quoted($value) . " changes $what";
}

# Settings that are given values together: one, or where a library has very many, eight
# that do not stand side by side, and one by one where that makes a difference.
sub groups
{
	my %of_prefix;
	push @{ $of_prefix{ /^([^.]+)/ && $1 } }, $_ for @_;
	return map {
		my @names = @$_;
		my $groups = @names > 30 ? int((@names + 7) / 8) : @names;
		map { my $first = $_; [ @names[ grep { $_ % $groups == $first } 0 .. $#names ] ] } 0 .. $groups - 1
	} map { $of_prefix{$_} } sort keys %of_prefix;
}

# As the server comes, and where an administrator has switched all off or on, for what
# one setting does may depend on another.
my %of_library;
push @{ $of_library{ $settings->{$_}{library} } }, $_ for @names;
for my $base ('as it comes', 'all off', 'all on')
{
	$stored = {};
	for my $name ($base eq 'as it comes' ? () : keys %$settings)
	{
		$stored->{$name} = $base =~ s/all //r if $settings->{$name}{type} eq 'bool';
		$stored->{$name} = $settings->{$name}{max} if $settings->{$name}{type} eq 'real';
	}
	for (sort keys %of_library)
	{
		$library = $_;
		my @stored = grep { $settings->{$_}{library} eq $library } sort keys %$stored;
		next if $base ne 'as it comes' && !@stored;
		push @stored, grep { $settings->{$_}{library} eq '' } sort keys %$stored if $library ne '';
		$node->safe_psql('everything', join(";\n", 'ALTER ROLE sweeper IN DATABASE everything RESET ALL',
			'ALTER ROLE sweeper SET session_preload_libraries = pg_session_readonly' . ($library ne '' ? qq(, "$library") : ''),
			map { "ALTER ROLE sweeper IN DATABASE everything SET $_ = " . quoted($stored->{$_}) } @stored));
		diag("sweep: $base, " . ($library || 'preloaded'));
		open_outside();
		run_plain_sessions();

		for my $group (groups(@{ $of_library{$library} }))
		{
			my %values = map { $_ => [ values_of($settings->{$_}, $base) ] } @$group;
			while (my @given = map { @{ $values{$_} } ? [ $_, shift @{ $values{$_} } ] : () } @$group)
			{
				$sets += @given;
				if (@given > 1)
				{
					my ($changed, @codes) = run_session(@given);
					next unless differences($changed) || grep { $_ eq '55P02' } @codes;
				}
				sweep_value($base, @$_) for @given;
			}
		}
	}
}
for my $name (@names)
{
	is($found{$name} // '', '', "$name changes nothing outside of its session");
}
diag("sweep: $sets times set, $pinned of them refused because it is kept");

# --- what acts is seen ---
$before = state();
$node->safe_psql('everything', 'SELECT sweep_trace()');
my $after = state();
isnt($after->{'pg_stat_database stats_reset'}, $before->{'pg_stat_database stats_reset'}, 'a function that runs is noticed');
append_to_file("$scratch/noticed", 'x');
isnt(scalar(keys %{ state() }), scalar(keys %$after), 'a file that is written is noticed');

$node->stop('immediate');
done_testing();
