// Response wrapping, the cubbyhole it rests on, and the tools beside it.

import assert from 'node:assert/strict';

import { refused } from './server.mjs';

const INVALID = 'wrapping token is not valid or does not exist';

const wrap = (ttl) => ({ headers: { 'X-Vault-Wrap-TTL': ttl } });

/** A secret, read by a wrapped request; gives the client, the path, and what came. */
async function wrapped(server) {
  const { client, path } = await server.mount(1);
  await client.write(`${path}/one`, { a: 'b' });
  return { client, path: `${path}/one`, reply: await client.read(`${path}/one`, wrap('5m')) };
}

export async function wrap_and_unwrap(server) {
  const { client, path, reply } = await wrapped(server);
  const info = reply.wrap_info;
  assert.deepEqual([reply.data, reply.auth, reply.request_id], [null, null, '']);
  assert.deepEqual([info.ttl, info.creation_path], [300, path]);
  assert.ok(info.accessor && new Date(info.creation_time).getTime() > 0);
  // The wrapping token as the caller's own, then as a field beside the caller's.
  const plain = await server.client(info.token).unwrap();
  assert.deepEqual([plain.data, plain.wrap_info], [{ a: 'b' }, null]);
  assert.ok(plain.request_id);
  const second = (await client.read(path, wrap('60'))).wrap_info;
  assert.equal(second.ttl, 60);
  assert.deepEqual((await client.unwrap({ token: second.token })).data, { a: 'b' });
}

export async function wrap_token(server) {
  const requestOptions = wrap('2m');
  const made = await server.root().tokenCreate({ policies: ['default'], ttl: '10m', requestOptions });
  const info = made.wrap_info;
  assert.equal(info.creation_path, 'auth/token/create');
  const { auth } = await server.client(info.token).unwrap();
  assert.equal(auth.accessor, info.wrapped_accessor);
  assert.deepEqual(auth.policies, ['default']);
  assert.equal((await server.client(auth.client_token).tokenLookupSelf()).data.accessor, auth.accessor);
}

export async function wrap_lookup(server) {
  const { path, reply } = await wrapped(server);
  const { token, creation_time: created } = reply.wrap_info;
  // Nobody in particular may ask.
  const seen = (await server.client().write('sys/wrapping/lookup', { token })).data;
  assert.deepEqual([seen.creation_path, seen.creation_time, seen.creation_ttl], [path, created, 300]);
  assert.deepEqual((await server.client(token).unwrap()).data, { a: 'b' }, 'a lookup must not use it up');
}

export async function rewrap(server) {
  const { client, path, reply } = await wrapped(server);
  const { token } = reply.wrap_info;
  const fresh = (await client.write('sys/wrapping/rewrap', { token })).wrap_info;
  assert.notEqual(fresh.token, token);
  assert.deepEqual([fresh.creation_path, fresh.ttl], [path, 300]);
  await refused(400, server.client(token).unwrap(), INVALID);
  assert.deepEqual((await server.client(fresh.token).unwrap()).data, { a: 'b' });
}

export async function unwrap_once(server) {
  const { client, reply } = await wrapped(server);
  const { token } = reply.wrap_info;
  assert.deepEqual((await client.unwrap({ token })).data, { a: 'b' });
  await refused(400, client.unwrap({ token }), INVALID);
  await refused(400, server.client(token).unwrap(), INVALID);
  await refused(400, client.write('sys/wrapping/lookup', { token }), INVALID);
  await refused(400, client.unwrap({ token: 'hvs.nobody' }), INVALID);
}

export async function wrap_data(server) {
  const client = server.root();
  const info = (await client.write('sys/wrapping/wrap', { any: 'thing' }, wrap('90'))).wrap_info;
  assert.deepEqual([info.ttl, info.creation_path], [90, 'sys/wrapping/wrap']);
  assert.deepEqual((await client.unwrap({ token: info.token })).data, { any: 'thing' });
  await refused(400, client.write('sys/wrapping/wrap', { any: 'thing' }));
}

export async function cubbyhole(server) {
  const own = await server.stranger();
  await own.write('cubbyhole/note', { text: 'mine' });
  assert.deepEqual((await own.read('cubbyhole/note')).data, { text: 'mine' });
  assert.deepEqual((await own.list('cubbyhole')).data.keys, ['note']);
  // Another token's cubbyhole, even to root.
  await refused(404, server.root().read('cubbyhole/note'));
  await own.delete('cubbyhole/note');
  await refused(404, own.read('cubbyhole/note'));
  await refused(404, own.list('cubbyhole'));
}

export async function tools_random(server) {
  const client = server.root();
  const draw = async (path, body) => (await client.write(`sys/tools/random${path}`, body)).data.random_bytes;
  const drawn = [await draw('/16', {}), await draw('/16', {})];
  assert.notEqual(drawn[0], drawn[1]);
  for (const text of drawn) assert.equal(Buffer.from(text, 'base64').length, 16);
  assert.match(await draw('', { bytes: 8, format: 'hex' }), /^[0-9a-f]{16}$/);
}

export async function tools_hash(server) {
  // FIPS 180-2, appendix B.1.
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  const input = Buffer.from('abc').toString('base64');
  const client = await server.stranger();
  assert.equal((await client.write('sys/tools/hash/sha2-256', { input })).data.sum, abc);
  const other = (await client.write('sys/tools/hash', { input, format: 'base64' })).data.sum;
  assert.equal(Buffer.from(other, 'base64').toString('hex'), abc);
  await refused(400, client.write('sys/tools/hash', { input: 'not base64' }));
}
