"""Lock a connection of psycopg 3, and hand it out only if it is locked.

    pip install 'psycopg[binary]'; python3 examples/psycopg.py 'dbname=shop user=app'

Tried with psycopg 3.1.7.
"""

import sys

# this file has the name of the module
sys.path.pop(0)
import psycopg  # noqa: E402

connection = psycopg.connect(
    sys.argv[1],
    # not needed if the role is locked
    options="-c local_preload_libraries=pg_session_readonly"
            " -c pg_session_readonly.mode=locked",
    autocommit=True,
)
mode = connection.info.parameter_status("pg_session_readonly.mode")
if mode != "locked":
    connection.close()
    raise RuntimeError("connection is not locked: %s" % mode)

print(connection.execute("SELECT current_user, now()").fetchone())
try:
    connection.execute("COMMIT; CREATE TABLE stolen (i int)")
except psycopg.errors.ReadOnlySqlTransaction as error:
    print(error.sqlstate, error)  # 25006
