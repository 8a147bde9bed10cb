// What an application on node does, by pg. Arguments: a connection string, and
// the command that suspends the tenant. Prints the name of each step that went
// well.
'use strict'

const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const { Client, Query } = require('pg')

const [dsn, command, ...args] = process.argv.slice(2)

const passed = (step) => console.log(step)

async function connect() {
  const client = new Client(dsn)
  client.on('error', () => {}) // a connection may end while it is idle
  await client.connect()
  return client
}

async function value(client, text) {
  return (await client.query({ text, rowMode: 'array' })).rows[0][0]
}

async function failure(client, text, values) {
  try {
    await client.query(text, values)
  } catch (error) {
    return error
  }
  assert.fail(`${text} succeeds`)
}

async function prepared(client) {
  for (let i = 0; i < 10; i++) {
    const result = await client.query({ name: 'twice', text: 'select $1::int * 2 as twice, $2::text as name', values: [i, `row ${i}`] })
    assert.deepStrictEqual(result.rows, [{ twice: 2 * i, name: `row ${i}` }])
  }
  // Queries that wait in the driver's own queue.
  const all = await Promise.all([...Array(50).keys()].map((i) => client.query('select $1::int as i', [i])))
  assert.deepStrictEqual(all.map((result) => result.rows[0].i), [...Array(50).keys()])
  passed('prepared')
}

async function transactions(client, other) {
  await client.query('begin')
  await client.query('create table node(i int primary key, t text)')
  await client.query("insert into node select i, 'row ' || i from generate_series(0, 99) i")
  await client.query('commit')
  assert.strictEqual(await value(other, 'select count(*)::int from node'), 100)
  await client.query('begin')
  await client.query('delete from node')
  await client.query('rollback')
  assert.strictEqual(await value(other, 'select count(*)::int from node'), 100)
  const several = await client.query('select 1 as a; select 2 as b')
  assert.deepStrictEqual(several.map((result) => result.rows[0]), [{ a: 1 }, { b: 2 }])
  passed('transactions')
}

// pg alone cannot copy: it answers CopyFail, and goes on.
async function copy(client) {
  assert.strictEqual((await failure(client, 'copy node from stdin')).code, '57014')
  assert.strictEqual(await value(client, 'select 42'), 42)
  passed('copy')
}

async function cancel(client, other) {
  const query = new Query('select pg_sleep(60)')
  const ended = new Promise((resolve) => {
    query.on('error', resolve)
    query.on('end', () => resolve(new Error('nothing was cancelled')))
  })
  client.query(query)
  while ((await value(other, "select count(*)::int from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'")) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  new Client(dsn).cancel(client, query)
  assert.strictEqual((await ended).code, '57014')
  assert.strictEqual(await value(client, 'select 42'), 42)
  passed('cancel')
}

async function error(client) {
  assert.strictEqual((await failure(client, 'select 1/$1::int', [0])).code, '22012')
  const duplicate = await failure(client, 'insert into node values (1)')
  assert.strictEqual(duplicate.code, '23505')
  assert.strictEqual(duplicate.constraint, 'node_pkey')
  assert.strictEqual(await value(client, 'select 42'), 42)
  passed('error')
}

async function notification(client, other) {
  const news = new Promise((resolve) => client.once('notification', resolve))
  await client.query('listen news')
  await other.query("select pg_notify('news', 'hello')")
  const { channel, payload } = await news
  assert.deepStrictEqual({ channel, payload }, { channel: 'news', payload: 'hello' })
  await client.query('unlisten *')
  passed('notify')
}

async function reconnect(client) {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  let count
  try {
    count = await value(client, 'select count(*)::int from node')
  } catch (error) {
    client = await connect()
    count = await value(client, 'select count(*)::int from node')
  }
  assert.strictEqual(count, 100)
  await client.end()
  passed('reconnect')
}

async function main() {
  const client = await connect()
  const other = await connect()
  await prepared(client)
  await transactions(client, other)
  await copy(client)
  await cancel(client, other)
  await error(client)
  await notification(client, other)
  await reconnect(client)
  process.exit(0)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
