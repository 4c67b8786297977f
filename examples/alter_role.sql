-- Lock a role: every new connection of ai_agent is read-only, whatever client it
-- comes from.  Reaches all clients, also those that take no options, and
-- poolers.  Run as a superuser; undo with ALTER ROLE ai_agent RESET ALL, which
-- resets the role's other settings, too.
--
-- Tried with PostgreSQL 15, psql, node-postgres, postgres.js, psycopg 3, JDBC and
-- two MCP servers (t/009_node.pl, t/010_mcp.pl).

CREATE ROLE ai_agent LOGIN;          -- set a password as your pg_hba.conf wants
GRANT pg_read_all_data TO ai_agent;  -- what it may read is a matter of privileges

ALTER ROLE ai_agent SET session_preload_libraries = 'pg_session_readonly';
ALTER ROLE ai_agent SET pg_session_readonly.mode = locked;

-- What it may not lift of its own limits.
ALTER ROLE ai_agent SET statement_timeout = '30s';
ALTER ROLE ai_agent SET pg_session_readonly.pinned_settings =
    'superuser, statement_timeout, search_path, role';
