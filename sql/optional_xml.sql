-- What a server built with libxml has beside the rest.  The Makefile chooses this
-- file where the extension xml2 is installed.
CREATE EXTENSION xml2;
CREATE SCHEMA x;
CREATE FUNCTION x.try_lock(bigint) RETURNS boolean LANGUAGE internal VOLATILE STRICT
	AS 'pg_try_advisory_xact_lock_int8';
CREATE TABLE x.t (i int, t text);
INSERT INTO x.t VALUES (1, 'row 1');

LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;

-- Reading is no reason for an alarm; the results are of no interest.
\set ON_ERROR_STOP on
\o /dev/null
SELECT query_to_xml('SELECT 1', true, false, ''), table_to_xml('x.t', true, false, ''), xpath('/a', '<a/>');
SELECT xml_valid('<a/>'), xpath_string('<a>b</a>', '/a');
SELECT * FROM xpath_table('i', 't', 'x.t', '/a', 'i < 0') AS c (i int, t text);
\o
\set ON_ERROR_STOP off

-- SQL given as text, to functions that make XML of it
\c -
CREATE VIEW x.v AS SELECT i FROM x.t WHERE x.try_lock(i);
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
\set VERBOSITY terse
SELECT query_to_xml('SELECT x.try_lock(1)', true, false, '');
SELECT query_to_xmlschema('SELECT x.try_lock(1)', true, false, '');
SELECT table_to_xml('x.v', true, false, '');
SELECT schema_to_xml('x', true, false, '');
SELECT * FROM xpath_table('i', 't', 'x.t', '/a', 'x.try_lock(i)') AS c (i int, t text);
SELECT * FROM XMLTABLE('/a' PASSING '<a>1</a>' COLUMNS b int PATH '.' DEFAULT x.try_lock(1)::int);
SELECT * FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS b int PATH 'c' DEFAULT x.try_lock(1)::int);

\c -
SET client_min_messages = warning;
DROP SCHEMA x CASCADE;
DROP EXTENSION xml2;
