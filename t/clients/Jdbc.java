import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/**
 * What JDBC does, unmodified, against a locked session, for t/clients/jdbc.pl. Prints
 * a line a check, beginning with "ok" or "not ok", and "done".
 */
public class Jdbc
{
	interface Action
	{
		void run() throws SQLException;
	}

	static void check(String name, boolean passed)
	{
		System.out.println((passed ? "ok " : "not ok ") + name);
	}

	/** The action must fail with SQLSTATE 25006. */
	static void refused(String name, Connection connection, Action action) throws SQLException
	{
		try
		{
			action.run();
			check(name + " (no error)", false);
		}
		catch (SQLException e)
		{
			check(name + " (" + e.getSQLState() + ")", "25006".equals(e.getSQLState()));
		}
		if (!connection.getAutoCommit())
			connection.rollback();
	}

	static String one(Connection connection, String sql) throws SQLException
	{
		try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql))
		{
			rows.next();
			return rows.getString(1);
		}
	}

	static void session(String name, Connection connection) throws SQLException
	{
		check(name + ": locked", one(connection, "SHOW pg_session_readonly.mode").equals("locked"));
		for (boolean autocommit : new boolean[] {true, false})
		{
			connection.setAutoCommit(autocommit);
			for (boolean readOnly : new boolean[] {true, false})
			{
				String here = name + ", autocommit " + autocommit + ", setReadOnly(" + readOnly + ")";
				if (!autocommit)
					connection.commit();
				connection.setReadOnly(readOnly);
				check(here + ": read", one(connection, "SELECT count(*) FROM users").equals("100"));
				refused(here + ": write", connection, () ->
				{
					try (Statement statement = connection.createStatement())
					{
						statement.executeUpdate("DELETE FROM users");
						if (!connection.getAutoCommit())
							connection.commit();
					}
				});
			}
		}
		// prepared on the server after five uses
		try (PreparedStatement read = connection.prepareStatement("SELECT name FROM users WHERE id = ?"))
		{
			String result = null;
			for (int i = 1; i <= 8; i++)
			{
				read.setInt(1, i);
				try (ResultSet rows = read.executeQuery())
				{
					rows.next();
					result = rows.getString(1);
				}
			}
			check(name + ": prepared read", "user 8".equals(result));
		}
		refused(name + ": prepared write", connection, () ->
		{
			try (PreparedStatement write = connection.prepareStatement("INSERT INTO users VALUES (?, ?)"))
			{
				write.setInt(1, 101);
				write.setString(2, "x");
				write.executeUpdate();
			}
		});
		refused(name + ": batch", connection, () ->
		{
			try (Statement statement = connection.createStatement())
			{
				statement.addBatch("UPDATE users SET name = ''");
				statement.addBatch("DROP TABLE users");
				statement.executeBatch();
			}
		});
		connection.setAutoCommit(false);
		try (Statement statement = connection.createStatement())
		{
			statement.setFetchSize(10);
			int n = 0;
			try (ResultSet rows = statement.executeQuery("SELECT id FROM users"))
			{
				while (rows.next())
					n++;
			}
			check(name + ": fetch size", n == 100);
		}
		connection.commit();
		connection.setAutoCommit(true);
		refused(name + ": several statements", connection, () ->
		{
			try (Statement statement = connection.createStatement())
			{
				statement.execute("COMMIT; DROP TABLE users; --");
			}
		});
		int tables = 0;
		try (ResultSet rows = connection.getMetaData().getTables(null, "public", "%", null))
		{
			while (rows.next())
				tables++;
		}
		check(name + ": metadata", tables > 0);
		try (ResultSet rows = connection.getMetaData().getColumns(null, null, "users", "%"))
		{
			check(name + ": metadata of columns", rows.next());
		}
		check(name + ": valid", connection.isValid(5));
		connection.close();
	}

	/* The role "maker" may make temporary tables. */
	static void temporaryTables(Connection connection) throws SQLException
	{
		for (boolean autocommit : new boolean[] {true, false})
		{
			connection.setAutoCommit(autocommit);
			try (Statement statement = connection.createStatement())
			{
				statement.executeUpdate("CREATE TEMP TABLE scratch (id serial PRIMARY KEY, name text)");
				try (PreparedStatement insert = connection.prepareStatement("INSERT INTO scratch (name) VALUES (?)"))
				{
					for (int i = 0; i < 3; i++)
					{
						insert.setString(1, "name " + i);
						insert.addBatch();
					}
					insert.executeBatch();
				}
				check("temporary table, autocommit " + autocommit, one(connection, "SELECT sum(id) FROM scratch").equals("6"));
				statement.executeUpdate("DROP TABLE scratch");
			}
			refused("temporary table, autocommit " + autocommit + ": another write", connection, () -> one(connection, "DELETE FROM users RETURNING id"));
			if (!autocommit)
				connection.rollback();
		}
		connection.close();
	}

	public static void main(String[] args) throws Exception
	{
		String url = "jdbc:postgresql://127.0.0.1:" + args[0] + "/postgres";
		session("role", DriverManager.getConnection(url + "?user=agent"));
		Properties properties = new Properties();
		properties.setProperty("user", "host");
		properties.setProperty("options",
				"-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked");
		session("options", DriverManager.getConnection(url, properties));
		Connection by_sql = DriverManager.getConnection(url + "?user=host");
		try (Statement statement = by_sql.createStatement())
		{
			statement.execute("LOAD 'pg_session_readonly'; SET pg_session_readonly.mode = locked");
		}
		session("LOAD", by_sql);
		temporaryTables(DriverManager.getConnection(url + "?user=maker"));
		System.out.println("done");
	}
}
