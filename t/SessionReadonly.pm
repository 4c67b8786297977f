# What more than one test needs.
package SessionReadonly;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use Test::More;

our @EXPORT_OK = qw(create_all_extensions clients_or_skip);

# Create every extension that this server has, as far as they go together.
# Returns how many there are.
sub create_all_extensions
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, q(
		SET client_min_messages = error;
		DO $$
		DECLARE
			name text;
		BEGIN
			FOR pass IN 1 .. 2 LOOP
				FOR name IN SELECT e.name FROM pg_available_extensions e
						WHERE installed_version IS NULL LOOP
					BEGIN
						EXECUTE format('CREATE EXTENSION %I CASCADE', name);
					EXCEPTION WHEN OTHERS THEN NULL;
					END;
				END LOOP;
			END LOOP;
		END $$;
		SELECT count(*) FROM pg_extension;));
}

# Skip the test unless node and these packages of t/clients are there.  Returns
# node's name and the folder of the clients.
sub clients_or_skip
{
	my @packages = @_;
	my $clients = "$FindBin::RealBin/clients";
	my $js = $ENV{NODE} || 'node';
	plan skip_all => "$js is missing" if system("$js --version >/dev/null 2>&1") != 0;
	for my $package (@packages)
	{
		plan skip_all => "t/clients/node_modules/$package is missing; npm ci --prefix t/clients"
		  unless -d "$clients/node_modules/$package";
	}
	return ($js, $clients);
}

1;
