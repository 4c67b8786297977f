# PostgreSQL's own clients, unmodified, in a locked session of a superuser: every
# backslash command of psql prints the same as in an unlocked one, pg_dump makes
# the same dump in every format, pgbench runs its select-only script.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
$node->start;
my $pgbench = $node->connstr('postgres');
$node->command_ok([ 'pgbench', '-i', '-q', '-s', '1', $pgbench ], 'pgbench -i');
$node->safe_psql('postgres', q(
	CREATE EXTENSION pg_session_readonly;
	CREATE EXTENSION hstore;
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER srv FOREIGN DATA WRAPPER postgres_fdw;
	CREATE USER MAPPING FOR CURRENT_USER SERVER srv;
	CREATE FOREIGN TABLE ft (i int) SERVER srv;
	CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE DOMAIN positive AS int CHECK (VALUE > 0);
	CREATE TABLE parted (i int, m mood DEFAULT 'ok') PARTITION BY RANGE (i);
	CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
	INSERT INTO parted VALUES (1);
	CREATE TABLE child (id serial PRIMARY KEY, ref int REFERENCES pgbench_branches, p positive,
		h hstore, CHECK (id > 0));
	INSERT INTO child (ref, p) VALUES (1, 1);
	COMMENT ON TABLE child IS 'a comment';
	CREATE VIEW v AS SELECT * FROM child;
	CREATE MATERIALIZED VIEW mv AS SELECT * FROM child;
	CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
	CREATE AGGREGATE agg(int) (SFUNC = int4pl, STYPE = int);
	CREATE STATISTICS st ON ref, p FROM child;
	CREATE POLICY pol ON child USING (true);
	CREATE PUBLICATION pub FOR TABLE child;
	CREATE COLLATION coll FROM "C";
	CREATE TEXT SEARCH CONFIGURATION tsc (COPY = english);
	CREATE RULE r AS ON INSERT TO v DO INSTEAD NOTHING;
	CREATE ROLE other;
	GRANT SELECT ON child TO other;
	ALTER ROLE other SET work_mem = '5MB';
	ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO other;
	SELECT lo_from_bytea(4711, 'large');
	COMMENT ON LARGE OBJECT 4711 IS 'lo';));

my $lock = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked';

# Run a program in an unlocked and in a locked session.
sub both
{
	my @command = @_;
	my @results;
	for my $options ('', $lock)
	{
		local $ENV{PGOPTIONS} = $options;
		my ($stdout, $stderr) = ('', '');
		IPC::Run::run [ map { s/\@/$options ? 'locked' : 'unlocked'/er } @command ],
		  '>', \$stdout, '2>', \$stderr;
		push @results, $stdout . $stderr;
	}
	return @results;
}

# --- psql: all backslash commands of \? that show something ---
my @psql = ('psql', '-X', '-d', $node->connstr('postgres'));
my ($help) = both(@psql, '-c', '\?');
my @commands = grep { /^d/ || $_ =~ /^(l|z|sf|sv|drds|dd)$/ }
  map { my ($c) = /^  \\(\w+)/; $c // () } split /\n/, $help;
push @commands, map { "$_+" } grep { !/^(sf|sv|dd|z)$/ } @commands;
push @commands, map { "${_}S+" } grep { /^d[a-z]*$/ && !/^(dd|drds|dconfig|dP|dRp|dRs|drg|dx|dy|du|dg|dl|det|deu|dew|des|db|dF|dFd|dFp|dFt|dAc|dAf|dAo|dAp)$/ } @commands;
cmp_ok(scalar @commands, '>', 60, 'psql has backslash commands: ' . scalar @commands);
for my $command (@commands, 'd child', 'd+ child', 'd v', 'd+ parted', 'd ft', 'sf f', 'sv v', 'sf+ f',
	'd pg_catalog.pg_class', 'dconfig *', 'l+', 'lo_list', 'encoding', 'dt *.*', 'df *.*')
{
	# arguments that they need
	my $full = $command eq 'sf' ? 'sf f' : $command eq 'sv' ? 'sv v' : $command;
	my ($unlocked, $locked) = both(@psql, '-c', "\\$full");
	# sizes and settings of the sessions themselves
	for ($unlocked, $locked)
	{
		s/^.*(default_transaction_read_only|transaction_read_only|pg_session_readonly|session_preload_libraries).*\n//mg;
		s/superuser-backend/superuser/g; # how a setting is pinned
		s/[ -]+//g;
		s/\(\d+rows?\)//g;
	}
	is($locked, $unlocked, "psql \\$full");
	unlike($locked, qr/in a read-only/, "psql \\$full: not refused");
}
my ($unlocked, $locked) = both(@psql, '-c', '\copy pgbench_branches to stdout', '-c', '\gdesc',
	'-c', 'SELECT 1 AS a \gx', '-c', "SELECT 'SELECT 2' \\gexec", '-c', '\crosstabview');
is($locked, $unlocked, 'psql \copy to, \gx, \gexec');

# --- pg_dump ---
for my $format ('plain', 'custom', 'directory', 'tar')
{
	my $name = $node->basedir . "/dump.@.$format";
	my @jobs = $format eq 'directory' ? ('-j', '2') : ();
	my ($unlocked, $locked) = both('pg_dump', "--format=$format", @jobs, '-f', $name, '-d', $node->connstr('postgres'));
	is($locked, '', "pg_dump --format=$format: no complaint");
	my @dumps;
	for my $which ('unlocked', 'locked')
	{
		(my $file = $name) =~ s/\@/$which/;
		my $sql = "$file.sql";
		if ($format eq 'plain') { $sql = $file }
		else { system_or_bail('pg_restore', '-f', $sql, $file) }
		# 15.14 and later write a random key
		push @dumps, slurp_file($sql) =~ s/^\\(un)?restrict .*$//mgr;
	}
	cmp_ok(length $dumps[0], '>', 10000, "pg_dump --format=$format: a dump");
	ok($dumps[0] eq $dumps[1], "pg_dump --format=$format: identical");
}
($unlocked, $locked) = both('pg_dumpall', '--no-sync', '-d', $node->connstr('postgres'));
s/^\\(un)?restrict .*$//mg for $unlocked, $locked;
ok($locked eq $unlocked, 'pg_dumpall: identical');

# --- pgbench ---
{
	local $ENV{PGOPTIONS} = $lock;
	for my $protocol ('simple', 'extended', 'prepared')
	{
		$node->command_checks_all(
			[ 'pgbench', '-S', '-n', '-c', '2', '-t', '50', '-M', $protocol, $pgbench ],
			0, [qr{number of transactions actually processed: 100/100}], [qr/^(pgbench.*)?$/],
			"pgbench -S -M $protocol");
	}
}

$node->stop;
done_testing();
