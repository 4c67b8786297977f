# What more than one test needs.
package SessionReadonly;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(create_all_extensions);

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

1;
