\set VERBOSITY terse
\echo -- relcache mid-statement lock
set enable_seqscan=off; set enable_sort=off;
select set_config('pg_session_readonly.mode','locked',false) from ctab order by c limit 1;
show pg_session_readonly.mode;
\! rm -f /tmp/att/evil_file
select i from ctab order by c;
select i from ctab where c >>> row(1)::comp;
select i from ctab where c = any(array[row(1)::comp]);
select * from cpart where c === row(1)::comp;
\! ls -l /tmp/att/evil_file
