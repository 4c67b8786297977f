# Every setting that anyone may set, of the contrib modules, languages and extensions that
# are installed here, was seen by the sweep over settings (t/sweep/settings.pl): nobody
# need read for which of them act when they are set.  t/settings_seen has their names.

use strict;
use warnings;
use ExtensionSettings qw(start_with_all extension_settings);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
start_with_all($node);

my @seen = grep { !/^#/ } split(/\n/, slurp_file("$FindBin::RealBin/../settings_seen"));
my %seen = map { $_ => 1 } @seen;
is(join("\n", @seen), join("\n", sort keys %seen), 'the list of seen settings is sorted, without duplicates');

my @names = sort keys %{ extension_settings($node, 'postgres') };
cmp_ok(scalar @names, '>', 4, 'settings that anyone may set: ' . scalar @names);
is(join("\n", grep { !$seen{$_} } @names), '',
	'the sweep has seen each (run script/test --sweep, and add these to t/settings_seen)');

# What was found, where it is installed, is a row.
my %row = map { /^ACTING_SETTING\("([^"]+)"/ ? ($1 => 1) : () }
  split(/\n/, slurp_file("$FindBin::RealBin/../../src/acting_settings.h"));
cmp_ok(scalar(grep { $row{$_} } @seen), '>', 4, 'of those that were seen some act, and are rows of src/acting_settings.h');

$node->stop;
done_testing();
