-- A role for an agent, locked: every new connection of ai_agent is read-only, whatever
-- client it comes from.  Reaches all clients, also those that take no options, and
-- poolers.  Run as a superuser in the database that it is to read:
--
--     psql -d shop -f alter_role.sql
--
-- To undo it: ALTER ROLE ai_agent RESET for each setting below, or DROP ROLE.
--
-- Tried with PostgreSQL 15, psql, node-postgres, postgres.js, psycopg 3, JDBC and
-- two MCP servers (t/clients/node.pl, t/clients/mcp.pl).

-- No superuser, no REPLICATION.  Its password is that of the environment, if there is
-- one; or say \password ai_agent.
CREATE ROLE ai_agent LOGIN;
\getenv password AI_AGENT_PASSWORD
\if :{?password}
ALTER ROLE ai_agent PASSWORD :'password';
\endif

-- What it may read is a matter of privileges.
GRANT USAGE ON SCHEMA public TO ai_agent;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO ai_agent;
-- ... also in tables that are made later, by who runs this; FOR ROLE app, by app
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO ai_agent;

BEGIN;
ALTER ROLE ai_agent SET session_preload_libraries = 'pg_session_readonly';
ALTER ROLE ai_agent SET pg_session_readonly.mode = locked;

-- What it may not lift of its own limits.  These break nothing; with
-- statement_timeout in the list, pg_dump does not work as this role.
ALTER ROLE ai_agent SET work_mem = '64MB';
ALTER ROLE ai_agent SET max_parallel_workers_per_gather = 0;
ALTER ROLE ai_agent SET pg_session_readonly.pinned_settings =
    'superuser, work_mem, max_parallel_workers_per_gather';
COMMIT;
