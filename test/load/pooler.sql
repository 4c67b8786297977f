-- what a pooler sends between two clients; still locked, or a division by zero
SET default_transaction_read_only = off;
DISCARD ALL;
RESET ALL;
SET pg_session_readonly.mode = locked;
SELECT 1 / (current_setting('pg_session_readonly.mode') = 'locked' AND current_setting('transaction_read_only')::bool)::int;
