import java.io.StringReader;
import java.io.StringWriter;
import java.net.URI;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.util.PSQLException;

/**
 * What an application in Java does, by JDBC. Arguments: a connection string, and
 * the command that suspends the tenant. Prints the name of each step that went
 * well.
 */
public class Driver {
    static String url;
    static Connection conn, other;

    public static void main(String[] args) throws Exception {
        URI dsn = new URI(args[0]);
        String[] login = dsn.getUserInfo().split(":");
        url = "jdbc:postgresql://" + dsn.getHost() + ":" + dsn.getPort() + dsn.getPath() + "?user=" + login[0] + "&password=" + login[1];
        conn = DriverManager.getConnection(url);
        other = DriverManager.getConnection(url);
        prepared();
        transactions();
        copy();
        cancel();
        error();
        notification();
        reconnect(Arrays.copyOfRange(args, 1, args.length));
    }

    static void passed(String step) {
        System.out.println(step);
    }

    static void check(boolean holds, Object what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static long number(Connection conn, String sql) throws SQLException {
        try (Statement statement = conn.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            check(rows.next(), sql);
            return rows.getLong(1);
        }
    }

    static void execute(Connection conn, String sql) throws SQLException {
        try (Statement statement = conn.createStatement()) {
            statement.execute(sql);
        }
    }

    static SQLException failure(Connection conn, String sql) {
        try {
            execute(conn, sql);
        } catch (SQLException e) {
            return e;
        }
        throw new AssertionError(sql + " succeeds");
    }

    /** From the fifth execution on, JDBC uses a named statement and binary results. */
    static void prepared() throws SQLException {
        try (PreparedStatement twice = conn.prepareStatement("select ? * 2, ?::text, null::int")) {
            for (int i = 0; i < 20; i++) {
                twice.setInt(1, i);
                twice.setString(2, "row " + i);
                try (ResultSet rows = twice.executeQuery()) {
                    check(rows.next() && rows.getInt(1) == 2 * i && rows.getString(2).equals("row " + i), i);
                    check(rows.getObject(3) == null && !rows.next(), i);
                }
            }
            check(twice.getParameterMetaData().getParameterCount() == 2, "parameters");
        }
        passed("prepared");
    }

    static void transactions() throws SQLException {
        conn.setAutoCommit(false);
        execute(conn, "create table java(i int primary key, t text)");
        try (PreparedStatement insert = conn.prepareStatement("insert into java values (?, ?)")) {
            for (int i = 0; i < 500; i++) {
                insert.setInt(1, i);
                insert.setString(2, "row " + i);
                insert.addBatch();
            }
            check(Arrays.stream(insert.executeBatch()).allMatch(n -> n == 1), "batch");
        }
        conn.commit();
        check(number(other, "select count(*) from java") == 500, "commit");
        execute(conn, "delete from java");
        conn.rollback();
        check(number(other, "select count(*) from java") == 500, "rollback");

        java.sql.Savepoint savepoint = conn.setSavepoint();
        check(failure(conn, "select 1/0").getSQLState().equals("22012"), "savepoint");
        conn.rollback(savepoint);
        check(number(conn, "select 42") == 42, "after the savepoint");

        try (Statement cursor = conn.createStatement()) { // portals that are suspended
            cursor.setFetchSize(7);
            try (ResultSet rows = cursor.executeQuery("select i from java order by i")) {
                int i = 0;
                while (rows.next()) {
                    check(rows.getInt(1) == i++, i);
                }
                check(i == 500, i);
            }
        }
        conn.commit();
        try (Statement batch = conn.createStatement()) {
            batch.addBatch("insert into java values (1000)");
            batch.addBatch("insert into java values (1)");
            batch.addBatch("insert into java values (1001)");
            batch.executeBatch();
            throw new AssertionError("a batch with a duplicate succeeds");
        } catch (BatchUpdateException e) {
            check(e.getSQLState().equals("23505"), e);
        }
        conn.rollback();
        conn.setAutoCommit(true);
        passed("transactions");
    }

    static void copy() throws Exception {
        var manager = conn.unwrap(PGConnection.class).getCopyAPI();
        StringBuilder text = new StringBuilder();
        for (int i = 1000; i < 21000; i++) {
            text.append(i).append("\trow ").append(i).append('\n');
        }
        check(manager.copyIn("copy java from stdin", new StringReader(text.toString())) == 20000, "copy in");
        StringWriter out = new StringWriter();
        manager.copyOut("copy (select * from java where i >= 1000 order by i) to stdout", out);
        check(out.toString().contentEquals(text), "copy out");
        try {
            manager.copyIn("copy java(i) from stdin", new StringReader("not a number\n"));
            throw new AssertionError("a bad row was copied");
        } catch (PSQLException e) {
            check(e.getSQLState().equals("22P02"), e);
        }
        check(number(conn, "select count(*) from java") == 20500, "after the bad row");
        passed("copy");
    }

    static void cancel() throws Exception {
        try (Statement statement = conn.createStatement()) {
            CompletableFuture<Void> cancelled = CompletableFuture.runAsync(() -> {
                try {
                    while (number(other, "select count(*) from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'") == 0) {
                        Thread.sleep(10);
                    }
                    statement.cancel();
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            try {
                statement.execute("select pg_sleep(60)");
                throw new AssertionError("nothing was cancelled");
            } catch (SQLException e) {
                check(e.getSQLState().equals("57014"), e);
            }
            cancelled.get();
        }
        check(number(conn, "select 42") == 42, "after the cancel");
        passed("cancel");
    }

    static void error() throws SQLException {
        check(failure(conn, "select 1/0").getSQLState().equals("22012"), "division");
        PSQLException duplicate = (PSQLException) failure(conn, "insert into java values (1)");
        check(duplicate.getSQLState().equals("23505"), duplicate);
        check("java_pkey".equals(duplicate.getServerErrorMessage().getConstraint()), duplicate.getServerErrorMessage());
        check(number(conn, "select 42") == 42, "after the error");
        passed("error");
    }

    static void notification() throws SQLException {
        execute(conn, "listen news");
        execute(other, "select pg_notify('news', 'hello')");
        PGNotification[] news = conn.unwrap(PGConnection.class).getNotifications(30_000);
        check(news != null && news.length == 1, "no notification");
        check(news[0].getName().equals("news") && news[0].getParameter().equals("hello"), news[0]);
        execute(conn, "unlisten *");
        passed("notify");
    }

    static void reconnect(String[] suspend) throws Exception {
        check(new ProcessBuilder(suspend).redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.INHERIT)
                .start().waitFor() == 0, "suspend");
        long count;
        try {
            count = number(conn, "select count(*) from java");
        } catch (SQLException e) {
            check(e.getSQLState().equals("57P01") || e.getSQLState().startsWith("08"), e);
            conn = DriverManager.getConnection(url);
            count = number(conn, "select count(*) from java");
        }
        check(count == 20500, count);
        passed("reconnect");
    }
}
