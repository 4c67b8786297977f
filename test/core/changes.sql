-- What the fingerprint has to show: one change of each kind, by a session that may
-- write.  Run by script/core-suite, in the database "regression".
\set ON_ERROR_STOP on
SET client_min_messages = error;
SELECT setval('stake.sequence', 42);                                   -- dump, files
SELECT lo_put(424242, 0, 'Something');                                 -- dump, catalogs
UPDATE stake.plain SET t = t WHERE i = 7;                              -- rows written, WAL
ANALYZE stake.plain;                                                   -- catalogs
REFRESH MATERIALIZED VIEW stake.materialized;                          -- relations' files
ALTER SYSTEM SET work_mem = '5MB';                                     -- files
SELECT pg_reload_conf();                                               -- setting, reloaded
SELECT pg_stat_reset_slru('Notify'), pg_stat_reset_slru('notify');     -- reset
SELECT pg_stat_reset();
SELECT pg_drop_replication_slot('regression_slot_p');                  -- slot
SELECT pg_replication_origin_advance('regress_test_decoding: regression_slot', '0/4343'); -- origin
ROLLBACK PREPARED 'foo1';                                              -- prepared
BEGIN;
SELECT pg_advisory_xact_lock(42);
PREPARE TRANSACTION 'locks';                                           -- locks
NOTIFY notify_async1, 'heard';                                         -- the kept session
SELECT pg_logical_emit_message(false, 'a', 'b');                       -- WAL
COPY (SELECT 1) TO :'left_file';                                       -- files left behind
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kept'; -- session
