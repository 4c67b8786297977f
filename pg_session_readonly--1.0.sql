-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_session_readonly" to load this file. \quit

-- Does a hook of another library stand before ours?  To call the function in C
-- loads the library.  The one around it is not inlined, as it is the less volatile,
-- and so looks that up only where it is run.
CREATE FUNCTION pg_session_readonly_overtaken() RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_session_readonly_overtaken'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

CREATE FUNCTION pg_session_readonly_ask_overtaken() RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT pg_session_readonly_overtaken();
END;

-- One row about this session.  Does not load the library: settings that
-- somebody made before the library was there are not in pg_settings.
CREATE FUNCTION pg_session_readonly_status(OUT mode text, OUT loaded boolean,
	OUT denied_commands text, OUT denied_functions text,
	OUT allowed_functions text, OUT pinned_settings text,
	OUT overtaken boolean)
RETURNS record
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT coalesce(max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.mode'), 'off'),
		count(*) OPERATOR(pg_catalog.>) 0,
		max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.denied_commands'),
		max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.denied_functions'),
		max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.allowed_functions'),
		max(setting) FILTER (WHERE name OPERATOR(pg_catalog.=) 'pg_session_readonly.pinned_settings'),
		CASE WHEN count(*) OPERATOR(pg_catalog.>) 0 THEN pg_session_readonly_ask_overtaken() END
	FROM pg_catalog.pg_settings
	WHERE name OPERATOR(pg_catalog.~~) 'pg_session_readonly.%';
END;

CREATE FUNCTION pg_session_readonly_lock() RETURNS text
AS 'MODULE_PATHNAME', 'pg_session_readonly_lock'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

-- What a locked session would refuse in this database.
CREATE FUNCTION pg_session_readonly_denied_functions(OUT function regprocedure,
	OUT reason text, OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_session_readonly_denied_functions'
LANGUAGE C STABLE PARALLEL RESTRICTED;

-- The guarded sessions of the server, for who may see pg_stat_activity.
CREATE FUNCTION pg_session_readonly_sessions(OUT pid integer, OUT mode text,
	OUT refusals bigint, OUT last_refusal timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_session_readonly_sessions'
LANGUAGE C STABLE PARALLEL RESTRICTED;
