-- What keeps VACUUM from its work, made after it, in the databases of the tests that
-- name these things.  Run by script/core-suite.
\set ON_ERROR_STOP on
\c contrib_regression_test_decoding
SELECT pg_create_logical_replication_slot('regression_slot', 'test_decoding'),
	pg_create_physical_replication_slot('regression_slot_p', true);
SELECT pg_replication_origin_create('regress_test_decoding: regression_slot');
SELECT pg_replication_origin_advance('regress_test_decoding: regression_slot', '0/4242');

\c regression
CREATE TABLE prepared (i int);
BEGIN;
INSERT INTO prepared VALUES (1);
PREPARE TRANSACTION 'regress_foo1';
BEGIN;
INSERT INTO prepared VALUES (2);
PREPARE TRANSACTION 'foo1';
