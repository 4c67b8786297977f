-- One of each kind of thing that a locked session could get at, in the database that
-- core's regression suite leaves behind.  Where a test names such a thing, it has
-- the name that the test uses: then the test's statements are about it.  Run by
-- script/core-suite.
\set ON_ERROR_STOP on
SET client_min_messages = error;
SET allow_in_place_tablespaces = on;

CREATE SCHEMA stake;
CREATE TABLESPACE stake LOCATION '';
CREATE TABLE stake.plain (i int PRIMARY KEY, t text) TABLESPACE stake;
INSERT INTO stake.plain SELECT i, repeat('x', i) FROM generate_series(1, 1000) i;
CREATE STATISTICS stake.correlated (dependencies, mcv) ON i, t FROM stake.plain;
CREATE UNLOGGED TABLE stake.unlogged AS SELECT * FROM stake.plain;
CREATE MATERIALIZED VIEW stake.materialized AS SELECT count(*) FROM stake.plain;
CREATE SEQUENCE stake.sequence;
SELECT nextval('stake.sequence');
CREATE UNLOGGED SEQUENCE stake.unlogged_sequence;
SELECT nextval('stake.unlogged_sequence');

SELECT lo_create(424242), lo_put(424242, 0, 'something of value');
COMMENT ON LARGE OBJECT 424242 IS 'a comment';

CREATE FOREIGN DATA WRAPPER stake;
CREATE SERVER stake FOREIGN DATA WRAPPER stake OPTIONS (host 'there');
CREATE USER MAPPING FOR CURRENT_USER SERVER stake OPTIONS (password 'secret');
CREATE FOREIGN TABLE stake.elsewhere (i int) SERVER stake;

CREATE PUBLICATION testpub_default FOR TABLE stake.plain;
CREATE SUBSCRIPTION regress_testsub CONNECTION 'dbname=nowhere' PUBLICATION testpub
	WITH (connect = false, slot_name = NONE);

ALTER DATABASE regression SET stake.setting = 'kept';
CREATE ROLE stake LOGIN CONNECTION LIMIT 3;
ALTER ROLE stake SET stake.setting = 'kept';
