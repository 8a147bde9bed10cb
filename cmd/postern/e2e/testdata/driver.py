"""What an application in Python does, by psycopg2.

Arguments: a connection string, and the command that suspends the tenant. Prints
the name of each step that went well.
"""

import io
import select
import subprocess
import sys
import threading
import time

import psycopg2
import psycopg2.extras

dsn, suspend = sys.argv[1], sys.argv[2:]


def passed(step):
    print(step, flush=True)


def value(conn, sql, parameters=None):
    with conn.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


def sqlstate(conn, sql):
    try:
        value(conn, sql)
    except psycopg2.Error as error:
        return error.pgcode
    return None


conn, other = psycopg2.connect(dsn), psycopg2.connect(dsn)
other.autocommit = True
cursor = conn.cursor()

# psycopg2 prepares by SQL alone.
cursor.execute("prepare twice(int) as select $1 * 2")
for i in range(10):
    assert value(conn, "execute twice(%s)", (i,)) == 2 * i
cursor.execute("deallocate twice")
conn.commit()
passed("prepared")

cursor.execute("create table python(i int primary key, t text)")
psycopg2.extras.execute_values(cursor, "insert into python values %s", [(i, "row %d" % i) for i in range(100)])
assert value(other, "select to_regclass('python')") is None
conn.commit()
assert value(other, "select count(*) from python") == 100
cursor.execute("delete from python")
conn.rollback()
assert value(other, "select count(*) from python") == 100
with conn.cursor("on_the_server") as named:  # DECLARE and FETCH
    named.itersize = 7
    named.execute("select i from python order by i")
    assert [row[0] for row in named] == list(range(100))
conn.commit()
passed("transactions")

text = "".join("%d\trow %d\n" % (i, i) for i in range(1000, 21000))
cursor.copy_expert("copy python from stdin", io.StringIO(text))
conn.commit()
out = io.StringIO()
cursor.copy_expert("copy (select * from python where i >= 1000 order by i) to stdout", out)
assert out.getvalue() == text
try:
    cursor.copy_expert("copy python(i) from stdin", io.StringIO("not a number\n"))
    raise AssertionError("a bad row was copied")
except psycopg2.errors.InvalidTextRepresentation:
    conn.rollback()
passed("copy")


def cancel_when_running():
    while value(other, "select count(*) from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'") == 0:
        time.sleep(0.01)
    conn.cancel()


canceller = threading.Thread(target=cancel_when_running)
canceller.start()
assert sqlstate(conn, "select pg_sleep(60)") == "57014"
canceller.join()
conn.rollback()
assert value(conn, "select 42") == 42
conn.rollback()
passed("cancel")

assert sqlstate(conn, "select 1/0") == "22012"
assert sqlstate(conn, "select 1") == "25P02"  # the transaction has failed
conn.rollback()
try:
    cursor.execute("insert into python values (1)")
    raise AssertionError("a duplicate was inserted")
except psycopg2.errors.UniqueViolation as error:
    assert error.diag.constraint_name == "python_pkey", error.diag.constraint_name
    assert error.diag.table_name == "python", error.diag.table_name
conn.rollback()
passed("error")

conn.autocommit = True
cursor.execute("listen news")
with other.cursor() as notifier:
    notifier.execute("select pg_notify('news', 'hello')")
while not conn.notifies:
    assert select.select([conn], [], [], 30)[0], "no notification"
    conn.poll()
news = conn.notifies.pop()
assert (news.channel, news.payload) == ("news", "hello"), news
cursor.execute("unlisten *")
passed("notify")

subprocess.run(suspend, check=True, stdout=subprocess.DEVNULL)
try:
    assert value(conn, "select count(*) from python") == 20100
except psycopg2.OperationalError:
    assert conn.closed
    conn = psycopg2.connect(dsn)
    assert value(conn, "select count(*) from python") == 20100
passed("reconnect")
