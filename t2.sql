\set VERBOSITY terse
load 'pg_session_readonly';set pg_session_readonly.mode=off;
set enable_partition_pruning=on;
prepare p(comp) as select * from cpart where c === $1;
execute p(row(1));
select set_config('pg_session_readonly.mode','locked',false) from cpart where c === row(1)::comp;
show pg_session_readonly.mode;
\! rm -f /tmp/att/evil_file
select * from cpart where c === row(1)::comp;
execute p(row(1));
explain select * from cpart where c === row(1)::comp;
explain select * from cpart where c === row(2)::comp;
explain execute p(row(1));
\! ls -l /tmp/att/evil_file
