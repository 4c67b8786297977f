"""What a driver does beyond simple queries, for t/clients/psycopg2.pl.

Prints a line a check, beginning with "ok" or "not ok", and "done".
"""

import sys

import psycopg2

DSN, OID = sys.argv[1], int(sys.argv[2])
LOCK = "LOAD 'pg_session_readonly'; SET pg_session_readonly.mode = locked"


def check(name, passed):
    print(("ok " if passed else "not ok ") + name)


def refused(name, action, connection, sqlstate="25006"):
    """The action must fail with that SQLSTATE."""
    try:
        action()
        check(name + " (no error)", False)
    except psycopg2.Error as error:
        # psycopg2 has only the text of an error of its own large object calls
        what = error.pgcode or str(error).splitlines()[0]
        check("%s (%s)" % (name, what),
              what == sqlstate or " in a read-only " in what)
    connection.rollback()


def connect(options=""):
    return psycopg2.connect(DSN, options=options)


def status(connection, name="pg_session_readonly.mode"):
    return connection.info.parameter_status(name)


# Fastpath: psycopg2's large objects call lo_* by PQfn.
connection = connect()
cursor = connection.cursor()
check("no mode without the library", status(connection) is None)
cursor.execute(LOCK)
check("mode is reported", status(connection) == "locked")
check("read-only default is reported",
      status(connection, "default_transaction_read_only") == "on")
connection.rollback()
check("locked inside the driver's transaction, rolled back: locked",
      status(connection) == "locked")
opened = []  # closed only after the rollback, when psycopg2 sends nothing more


def write_large_object():
    opened.append(connection.lobject(OID, "w"))
    opened[0].write(b"CHANGED")
    connection.commit()


def unlink_large_object():
    connection.lobject(OID, "r").unlink()
    connection.commit()


refused("fastpath lo_creat", lambda: (connection.lobject(0, "w"), connection.commit()), connection)
refused("fastpath lowrite", write_large_object, connection)
refused("fastpath lo_unlink", unlink_large_object, connection)
large = connection.lobject(OID, "r")
check("fastpath reads", large.read() == "large")
connection.rollback()

# Not inside a savepoint, whose end would bring back the flag it found.  One that ends
# in a locked transaction finds it on; the next message is a fastpath call.
other = connect()
cursor = other.cursor()
refused("lock inside a savepoint", lambda: cursor.execute("SAVEPOINT a; " + LOCK), other, "25001")
cursor.execute(LOCK)
cursor.execute("SAVEPOINT a")
cursor.execute("RELEASE a")
refused("fastpath after RELEASE", lambda: (other.lobject(0, "w"), other.commit()), other)
other.close()

# The lock falls inside the driver's implicit transaction.
cursor = connection.cursor()
refused("INSERT", lambda: cursor.execute("INSERT INTO users VALUES (4)"), connection)
connection.set_session(readonly=False, autocommit=True)
refused("INSERT after set_session(readonly=False)",
        lambda: cursor.execute("INSERT INTO users VALUES (4)"), connection)
refused("several statements",
        lambda: cursor.execute("COMMIT; DROP TABLE users; --"), connection)
connection.reset()
check("reset() keeps the lock", status(connection) == "locked")
refused("INSERT after reset()",
        lambda: cursor.execute("INSERT INTO users VALUES (4)"), connection)
connection.close()

# Prepared statements and cursors from before the lock.
connection = connect()
cursor = connection.cursor()
cursor.execute("PREPARE w AS INSERT INTO users VALUES (4); PREPARE n AS SELECT nextval('seq')")
connection.commit()
named = connection.cursor("named")
named.execute("SELECT nextval('seq') FROM users")
refused("lock while a cursor is open", lambda: cursor.execute(LOCK), connection, "25001")
cursor.execute("DECLARE held CURSOR WITH HOLD FOR SELECT i FROM users ORDER BY i")
connection.commit()
refused("lock while a held cursor is open", lambda: cursor.execute(LOCK), connection, "25001")
cursor.execute("CLOSE ALL")
cursor.execute(LOCK)
connection.commit()
refused("prepared INSERT", lambda: cursor.execute("EXECUTE w"), connection)
refused("prepared nextval", lambda: cursor.execute("EXECUTE n"), connection)
connection.close()

# The mode in the connection string is there from the first message on.
connection = connect("-c session_preload_libraries=pg_session_readonly"
                     " -c pg_session_readonly.mode=locked")
check("connection string: mode is reported", status(connection) == "locked")
check("connection string: read-only default is reported",
      status(connection, "default_transaction_read_only") == "on")
refused("connection string: fastpath first",
        lambda: (connection.lobject(0, "w"), connection.commit()), connection)
connection.close()

# The client is told of a default that it had set otherwise.
connection = connect()
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("SET default_transaction_read_only = on")
cursor.execute("SET default_transaction_read_only = off")
cursor.execute("LOAD 'pg_session_readonly'")
cursor.execute("SELECT 1")
check("read-only default is reported over a SET",
      status(connection, "default_transaction_read_only") == "on")
connection.close()

# Switched on and off again, the client is told each time.
connection = connect()
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("LOAD 'pg_session_readonly'")
check("LOAD is reported", status(connection) == "on")
cursor.execute("SET pg_session_readonly.mode = off")
check("off is reported", status(connection) == "off")
check("read-write default is reported",
      status(connection, "default_transaction_read_only") == "off")
cursor.execute("SELECT 1")
connection.close()
print("done")
