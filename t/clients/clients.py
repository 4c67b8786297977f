"""Python's drivers and frameworks against a locked role, for t/clients/python.pl.

Prints a line a check, beginning with "ok" or "not ok", and "done".
"""

import contextlib
import io
import sys

CLIENT, HOST, PORT = sys.argv[1:4]


def check(name, passed):
    print(("ok " if passed else "not ok ") + name)


def psycopg3(user, **more):
    import psycopg

    return psycopg.connect(host=HOST, port=PORT, dbname="postgres", user=user, **more)


def refused(name, connection, action):
    import psycopg

    try:
        action()
        check(name + " (no error)", False)
    except psycopg.errors.ReadOnlySqlTransaction as error:
        check("%s (%s)" % (name, error.sqlstate), True)
    connection.rollback()


def test_psycopg():
    import psycopg

    # the lock falls inside the driver's implicit transaction
    connection = psycopg3("postgres")
    connection.execute("LOAD 'pg_session_readonly'")
    connection.execute("SET pg_session_readonly.mode = locked")
    connection.rollback()
    check("locked, rolled back: locked",
          connection.info.parameter_status("pg_session_readonly.mode") == "locked")
    refused("INSERT after the rollback", connection,
            lambda: connection.execute("INSERT INTO users VALUES (101, 'x')"))
    connection.close()

    connection = psycopg3("agent")
    check("role: the mode is reported",
          connection.info.parameter_status("pg_session_readonly.mode") == "locked")
    rows = connection.execute("SELECT name FROM users WHERE id = %s", [7]).fetchall()
    check("parameters", rows == [("user 7",)])
    for _ in range(8):  # prepares the statement on the way
        rows = connection.execute("SELECT count(*) FROM users WHERE id > %s", [50], prepare=True).fetchall()
    check("prepared statement", rows == [(50,)])
    with connection.cursor(name="server_side") as cursor:
        cursor.execute("SELECT id FROM users ORDER BY id")
        check("server-side cursor", len(cursor.fetchmany(10)) == 10)
    with connection.cursor().copy("COPY users TO STDOUT") as copy:
        check("COPY TO STDOUT", sum(1 for _ in copy.rows()) == 100)
    with connection.pipeline():
        results = [connection.execute("SELECT %s::int", [i]) for i in range(5)]
    check("pipeline", [r.fetchone()[0] for r in results] == list(range(5)))
    connection.rollback()
    refused("INSERT with parameters", connection,
            lambda: connection.execute("INSERT INTO users VALUES (%s, %s)", [101, "x"]))
    refused("COPY FROM STDIN", connection, lambda: copy_in(connection))
    connection.read_only = False
    refused("read_only = False", connection, lambda: connection.execute("DELETE FROM orders"))
    connection.read_only = True
    check("read_only = True", connection.execute("SELECT 1").fetchone() == (1,))
    connection.rollback()
    connection.read_only = None
    connection.autocommit = True
    refused("several statements", connection,
            lambda: connection.execute("COMMIT; DROP TABLE users CASCADE; --"))
    refused("executemany", connection,
            lambda: connection.cursor().executemany("UPDATE users SET name = %s", [("a",), ("b",)]))
    with connection.transaction():
        with connection.transaction():
            check("nested transactions", connection.execute("SELECT 1").fetchone() == (1,))
    check("usable at the end", connection.execute("SELECT count(*) FROM users").fetchone() == (100,))
    connection.close()


def copy_in(connection):
    with connection.cursor().copy("COPY users FROM STDIN") as copy:
        copy.write_row((101, "x"))


def test_sqlalchemy():
    import sqlalchemy
    from sqlalchemy import exc, orm, text

    def reflect(user):
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg2://%s@/postgres?host=%s&port=%s" % (user, HOST, PORT))
        inspector = sqlalchemy.inspect(engine)
        found = []
        for schema in sorted(inspector.get_schema_names()):
            for table in sorted(inspector.get_table_names(schema) + inspector.get_view_names(schema)):
                found.append((schema, table, str(inspector.get_columns(table, schema)),
                              inspector.get_pk_constraint(table, schema),
                              inspector.get_foreign_keys(table, schema),
                              inspector.get_indexes(table, schema),
                              inspector.get_unique_constraints(table, schema),
                              inspector.get_check_constraints(table, schema),
                              inspector.get_table_comment(table, schema)))
        return engine, found

    _, unlocked = reflect("postgres")
    engine, locked = reflect("agent")
    check("reflection finds the tables", any(t[1] == "orders" for t in locked))
    check("reflection is the same", str(unlocked) == str(locked))
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine)
    users = metadata.tables["users"]
    with engine.connect() as connection:
        check("select", len(connection.execute(users.select()).fetchall()) == 100)
    for name, isolation in (("begin", None), ("autocommit", "AUTOCOMMIT"), ("serializable", "SERIALIZABLE")):
        options = {"isolation_level": isolation} if isolation else {}
        try:
            with engine.connect().execution_options(**options) as connection:
                with connection.begin():
                    connection.execute(users.insert().values(id=101, name="x"))
            check(name + ": insert (no error)", False)
        except exc.DBAPIError as error:
            check("%s: insert (%s)" % (name, error.orig.pgcode), error.orig.pgcode == "25006")
    try:
        metadata.create_all(engine.execution_options(), checkfirst=True)
        sqlalchemy.Table("another", metadata, sqlalchemy.Column("i", sqlalchemy.Integer)).create(engine)
        check("create_all (no error)", False)
    except exc.DBAPIError as error:
        check("create (%s)" % error.orig.pgcode, error.orig.pgcode == "25006")
    # the role "maker" may make temporary tables
    maker = sqlalchemy.create_engine("postgresql+psycopg2://maker@/postgres?host=%s&port=%s" % (HOST, PORT))
    scratch = sqlalchemy.Table("scratch", sqlalchemy.MetaData(), sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
                               sqlalchemy.Column("name", sqlalchemy.String, index=True), prefixes=["TEMPORARY"])
    with maker.connect() as connection:
        with connection.begin():
            scratch.create(connection)
            connection.execute(scratch.insert(), [{"name": "a"}, {"name": "b"}])
            check("temporary table", connection.execute(sqlalchemy.select(scratch.c.id)).fetchall() == [(1,), (2,)])
            scratch.drop(connection)
    session = orm.Session(engine)
    check("session", session.execute(text("SELECT count(*) FROM users")).scalar() == 100)
    session.rollback()


def test_django():
    import django
    from django.conf import settings
    from django.core.management import call_command

    database = dict(ENGINE="django.db.backends.postgresql", NAME="postgres", HOST=HOST, PORT=PORT)
    settings.configure(DATABASES={"default": dict(database, USER="postgres"),
                                  "agent": dict(database, USER="agent"),
                                  "maker": dict(database, USER="maker")},
                       INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"], USE_TZ=True)
    django.setup()

    def inspect(alias):
        output = io.StringIO()
        call_command("inspectdb", database=alias, include_views=True, stdout=output)
        return output.getvalue()

    unlocked, locked = inspect("default"), inspect("agent")
    check("inspectdb finds the models", "class Orders(" in locked and "class Totals(" in locked)
    check("inspectdb is the same", unlocked == locked)
    from django.db import connections, utils, transaction

    with connections["agent"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM users WHERE id > %s", [10])
        check("query", cursor.fetchone() == (90,))
    for name in ("autocommit", "atomic"):
        try:
            with (transaction.atomic(using="agent") if name == "atomic" else contextlib.nullcontext()):
                with connections["agent"].cursor() as cursor:
                    cursor.execute("INSERT INTO users VALUES (101, 'x')")
            check(name + ": insert (no error)", False)
        except utils.InternalError as error:
            # psycopg 3 and psycopg2 name it differently
            code = getattr(error.__cause__, "sqlstate", None) or error.__cause__.pgcode
            check("%s: insert (%s)" % (name, code), code == "25006")
    # the role "maker" may make temporary tables
    with transaction.atomic(using="maker"), connections["maker"].cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE scratch (id serial PRIMARY KEY, name text) ON COMMIT DROP")
        cursor.executemany("INSERT INTO scratch (name) VALUES (%s)", [["a"], ["b"]])
        cursor.execute("SELECT id FROM scratch WHERE name = %s", ["b"])
        check("temporary table", cursor.fetchone() == (2,))
    try:
        call_command("migrate", database="agent", verbosity=0)
        check("migrate (no error)", False)
    except Exception as error:
        check("migrate (%s)" % type(error).__name__, "read-only" in str(error))


globals()["test_" + CLIENT]()
print("done")
