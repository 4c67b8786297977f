#!/bin/sh
# Lock what a program connects to, by its environment:
#
#     examples/pgoptions.sh psql -d shop
#
# Reaches libpq (psql, psycopg, ...) and node-postgres, also inside
# @modelcontextprotocol/server-postgres and @bytebase/dbhub.  Options that the
# program sets itself go before it: a URL with options=, and a search_path in
# dbhub.toml.  Not read by postgres.js and JDBC.
# Tried with psql 15, psycopg 3.1 and pg 8.23.
#
# local_preload_libraries is for every role; a superuser may say
# session_preload_libraries.
export PGOPTIONS='-c local_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked'
exec "$@"
