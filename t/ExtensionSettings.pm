# The settings that anyone may set of what is installed beside the server: of the contrib
# modules, the languages and other people's extensions.  They are there when a library
# is, so each is loaded.
package ExtensionSettings;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Wire;

our @EXPORT_OK = qw(start_with_all extension_settings);

# These listen on a port that their documentation names, crash the server on purpose, or
# do so as a session ends.
my %left_out = map { $_ => 1 } qw(bgw_replstatus pg_crash mongo_fdw);

# The libraries that are installed.
sub libraries
{
	my ($node) = @_;
	my $dir = $node->config_data('--pkglibdir');
	return grep { !$left_out{$_} && $_ ne 'pg_session_readonly' }
	  map { m{([^/]+)\.(?:so|dylib)$} ? $1 : () } sort glob("$dir/*.so $dir/*.dylib");
}

# Start a server that preloads all libraries that ask whether they are, or for shared
# memory, as far as it starts with them.  Returns their names.
sub start_with_all
{
	my ($node) = @_;
	my $dir = $node->config_data('--pkglibdir');

	# others want to find this one there
	my %first = (pg_stat_statements => 0);
	my @asking = sort { ($first{$a} // 1) <=> ($first{$b} // 1) || $a cmp $b } grep {
		# timescaledb-2.31.0 is loaded by timescaledb
		!/-\d+[.]/
	} grep {
		my ($file) = glob("$dir/$_.so $dir/$_.dylib");
		slurp_file($file) =~ /\0(?:process_shared_preload_libraries_in_progress|shmem_startup_hook)\0/
	} libraries($node);
	$node->append_conf('postgresql.conf', q(
		wal_level = logical
		max_worker_processes = 40
		max_prepared_transactions = 5
		restart_after_crash = on
		timescaledb.telemetry_level = off));
	my $starts = sub {
		$node->append_conf('postgresql.conf', "shared_preload_libraries = '" . join(',', @_) . "'");
		return $node->start(fail_ok => 1);
	};
	return @asking if $starts->(@asking);
	my @preloaded;
	for my $library (@asking)
	{
		next unless $starts->(@preloaded, $library);
		push @preloaded, $library;
		$node->stop('immediate');
	}
	$starts->(@preloaded) or die 'the server does not start with ' . join(', ', @preloaded);
	return @preloaded;
}

# By name: the setting's library (empty if it is preloaded), type, least and greatest
# value, values and value in a new session.
sub extension_settings
{
	my ($node, $database) = @_;
	my $query = q(
		SELECT name, vartype, min_val, max_val, array_to_string(enumvals, ','), reset_val
		FROM pg_settings WHERE context = 'user' AND name LIKE '%.%' AND name NOT LIKE 'pg\_session\_readonly.%');
	my %settings;
	for my $library ('', libraries($node))
	{
		my $session = Wire->new($node, dbname => $database);
		# one that cannot be loaded so has nothing to be set; one crashes
		if ($library ne '' && $session->query("LOAD '$library'")->{code} =~ /^(?:closed|57P)/)
		{
			$node->poll_query_until($database, 'SELECT true');
			next;
		}
		for (@{ $session->query($query)->{rows} })
		{
			my ($name, $type, $min, $max, $values, $value) = split /\|/, $_, 6;
			$settings{$name} //= { library => $library, type => $type, min => $min, max => $max,
				values => [ split /,/, $values ], value => $value };
		}
		$session->quit;
	}
	return \%settings;
}

1;
