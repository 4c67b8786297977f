-- What a server built with a UUID library has beside the rest.  The Makefile
-- chooses this file where the extension uuid-ossp is installed.
CREATE EXTENSION "uuid-ossp";
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
-- its functions change nothing: no false alarms
\set ON_ERROR_STOP on
\o /dev/null
SELECT uuid_generate_v4(), uuid_generate_v5(uuid_ns_url(), 'x');
\o
\set ON_ERROR_STOP off
\echo all of them ran
\c -
DROP EXTENSION "uuid-ossp";
