# What more than one test needs.
package SessionReadonly;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use FindBin;
use Test::More;

our @EXPORT_OK = qw(create_postgres create_all_extensions clients_or_skip broken_links);

# Create every extension that comes with the server, as far as they go together.
# Returns how many there are.
sub create_all_extensions
{
	my ($node, $database) = @_;

	# others may be installed as well, for which nobody asked
	my $names = join(', ', map { "'$_'" } qw(
		adminpack amcheck autoinc bloom bool_plperl bool_plperlu btree_gin btree_gist
		citext cube dblink dict_int dict_xsyn earthdistance file_fdw fuzzystrmatch
		hstore hstore_plperl hstore_plperlu hstore_plpython3u insert_username intagg
		intarray isn jsonb_plperl jsonb_plperlu jsonb_plpython3u lo ltree
		ltree_plpython3u moddatetime old_snapshot pageinspect pg_buffercache
		pg_freespacemap pg_logicalinspect pg_overexplain pg_plan_advice pg_prewarm
		pg_session_readonly pg_stash_advice pg_stat_statements pg_surgery pg_trgm
		pg_visibility pg_walinspect pgcrypto pgrowlocks pgstattuple plperl plperlu
		plpython3u pltcl pltclu postgres_fdw refint seg sslinfo tablefunc tcn
		tsm_system_rows tsm_system_time unaccent uuid-ossp xml2));
	return $node->safe_psql($database, qq(
		SET client_min_messages = error;
		DO \$\$
		DECLARE
			name text;
		BEGIN
			FOR pass IN 1 .. 2 LOOP
				FOR name IN SELECT e.name FROM pg_available_extensions e
						WHERE installed_version IS NULL AND e.name IN ($names) LOOP
					BEGIN
						EXECUTE format('CREATE EXTENSION %I CASCADE', name);
					EXCEPTION WHEN OTHERS THEN NULL;
					END;
				END LOOP;
			END LOOP;
		END \$\$;
		SELECT count(*) FROM pg_extension;));
}

# Create the role "postgres" where the tests are run by another user.
sub create_postgres
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE ROLE postgres SUPERUSER LOGIN')
	  if !$node->safe_psql('postgres', q(SELECT to_regrole('postgres')));
}

# Skip the test unless node and these packages of t/clients are there.  Returns
# node's name and the folder of the clients.
sub clients_or_skip
{
	my @packages = @_;
	my $clients = $FindBin::RealBin;
	my $js = $ENV{NODE} || 'node';
	plan skip_all => "$js is missing" if system("$js --version >/dev/null 2>&1") != 0;
	for my $package (@packages)
	{
		plan skip_all => "t/clients/node_modules/$package is missing; npm ci --prefix t/clients"
		  unless -d "$clients/node_modules/$package";
	}
	return ($js, $clients);
}

# The anchors of a page, as the usual renderers make them of headings.
sub anchors_of
{
	my ($text) = @_;
	my %anchors;
	for ($text =~ /^#+ (.*)/mg)
	{
		my $anchor = lc;
		$anchor =~ s/[^\w\- ]//g;
		$anchor =~ s/ /-/g;
		$anchors{$anchor} = 1;
	}
	return \%anchors;
}

# The links of a page that lead nowhere: a file or a heading is missing.  The text may
# be given that the page would have.
sub broken_links
{
	my ($file, $text) = @_;
	my @broken;

	# script/sqlsmith uses this module without PostgreSQL's
	require PostgreSQL::Test::Utils;
	$text //= PostgreSQL::Test::Utils::slurp_file($file);
	for my $link ($text =~ /\]\(([^)\s]+)\)/g)
	{
		next if $link =~ /^\w+:/;
		my ($path, $anchor) = split /#/, $link, 2;
		my $to = $path eq '' ? $file : dirname($file) . "/$path";
		push @broken, $link
		  if !-e $to
		  || (defined $anchor && $to =~ /\.md$/ && !anchors_of($path eq '' ? $text : PostgreSQL::Test::Utils::slurp_file($to))->{$anchor});
	}
	return @broken;
}

1;
