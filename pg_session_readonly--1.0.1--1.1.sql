-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION pg_session_readonly UPDATE" to load this file. \quit

-- Where does the mode come from?  In two steps, as for "overtaken".
CREATE FUNCTION pg_session_readonly_mode_source() RETURNS text
AS 'MODULE_PATHNAME', 'pg_session_readonly_mode_source'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

CREATE FUNCTION pg_session_readonly_ask_mode_source() RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT pg_session_readonly_mode_source();
END;

-- One row about this session, with one more column than before.
DROP FUNCTION pg_session_readonly_status();
CREATE FUNCTION pg_session_readonly_status(OUT mode text, OUT loaded boolean,
	OUT denied_commands text, OUT denied_functions text,
	OUT allowed_functions text, OUT pinned_settings text,
	OUT overtaken boolean, OUT loaded_before text, OUT mode_source text)
RETURNS record
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT coalesce(max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.mode'), 'off'),
		count(*) OPERATOR(pg_catalog.>) 0,
		max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.denied_commands'),
		max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.denied_functions'),
		max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.allowed_functions'),
		max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.pinned_settings'),
		CASE WHEN count(*) OPERATOR(pg_catalog.>) 0 THEN pg_session_readonly_ask_overtaken() END,
		CASE WHEN count(*) OPERATOR(pg_catalog.>) 0 THEN pg_session_readonly_ask_loaded_before() END,
		CASE WHEN count(*) OPERATOR(pg_catalog.>) 0 THEN pg_session_readonly_ask_mode_source() END
	FROM pg_catalog.pg_settings
	WHERE name OPERATOR(pg_catalog.~~) 'pg_session_readonly.%';
END;
