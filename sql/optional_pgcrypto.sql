-- What a server built with OpenSSL has beside the rest.  The Makefile chooses this
-- file where the extension pgcrypto is installed.
CREATE EXTENSION pgcrypto;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
-- its functions change nothing: no false alarms
\set ON_ERROR_STOP on
\o /dev/null
SELECT crypt('x', gen_salt('md5')), gen_random_bytes(4), digest('x', 'sha256'), gen_random_uuid(), armor('x'), pgp_sym_encrypt('x', 'y');
\o
\set ON_ERROR_STOP off
\echo all of them ran
\c -
DROP EXTENSION pgcrypto;
