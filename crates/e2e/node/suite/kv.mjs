// The key-value engine, both versions. node-vault reads and writes paths as they are.

import assert from 'node:assert/strict';

import { refused, unique } from './server.mjs';

export async function kv1(server) {
  const { client, path } = await server.mount(1);
  await client.write(`${path}/app/db`, { user: 'ann', ttl: '1h' });
  let read = await client.read(`${path}/app/db`);
  assert.deepEqual(read.data, { user: 'ann', ttl: '1h' });
  assert.deepEqual([read.lease_id, read.lease_duration, read.renewable], ['', 3600, false]);
  await client.write(`${path}/app/db`, { only: 'this' });
  read = await client.read(`${path}/app/db`);
  assert.deepEqual([read.data, read.lease_duration], [{ only: 'this' }, 2764800]);
  await client.write(`${path}/app`, { beside: 'the folder' });
  assert.deepEqual((await client.list(path)).data.keys, ['app', 'app/']);
  assert.deepEqual((await client.list(`${path}/app`)).data.keys, ['db']);
  await client.delete(`${path}/app/db`);
  await client.delete(`${path}/app/db`);
  await refused(404, client.read(`${path}/app/db`));
  await refused(404, client.list(`${path}/app`));
}

export async function kv2_versions(server) {
  const { client, path } = await server.mount(2);
  const first = (await client.write(`${path}/data/one`, { data: { pass: 'first' } })).data;
  assert.deepEqual([first.version, first.destroyed, first.deletion_time, first.custom_metadata], [1, false, '', null]);
  assert.ok(new Date(first.created_time).getTime() > 0);
  assert.equal((await client.write(`${path}/data/one`, { data: { pass: 'second' } })).data.version, 2);
  const latest = (await client.read(`${path}/data/one`)).data;
  assert.deepEqual([latest.data, latest.metadata.version], [{ pass: 'second' }, 2]);
  const older = (await client.read(`${path}/data/one?version=1`)).data;
  assert.deepEqual([older.data, older.metadata.version], [{ pass: 'first' }, 1]);
  await refused(404, client.read(`${path}/data/one?version=3`));
}

export async function kv2_check_and_set(server) {
  const { client, path } = await server.mount(2);
  const write = (options) => client.write(`${path}/data/one`, { data: { a: 'b' }, options });
  assert.equal((await write({ cas: 0 })).data.version, 1);
  await refused(400, write({ cas: 0 }), 'check-and-set parameter did not match the current version');
  assert.equal((await write({ cas: '1' })).data.version, 2);
  await client.write(`${path}/config`, { cas_required: true });
  await refused(400, write({}), 'check-and-set parameter required for this call');
}

export async function kv2_patch(server) {
  const { client, path } = await server.mount(2);
  await client.write(`${path}/data/one`, { data: { stays: 'here', goes: 'away' } });
  const changed = await client.update(`${path}/data/one`, { data: { goes: null, number: 7 }, options: { cas: 1 } });
  assert.equal(changed.data.version, 2);
  assert.deepEqual((await client.read(`${path}/data/one`)).data.data, { stays: 'here', number: 7 });
  await refused(404, client.update(`${path}/data/none`, { data: { a: 'b' } }));
}

export async function kv2_deleted_versions(server) {
  const { client, path } = await server.mount(2);
  const read = (version = 0) => client.read(`${path}/data/one?version=${version}`);
  for (const n of [1, 2, 3]) await client.write(`${path}/data/one`, { data: { n } });
  await client.delete(`${path}/data/one`);
  const deleted = await refused(404, read());
  assert.equal(deleted.data.data, null);
  assert.deepEqual([deleted.data.metadata.version, deleted.data.metadata.destroyed], [3, false]);
  assert.ok(new Date(deleted.data.metadata.deletion_time).getTime() > 0);
  await client.write(`${path}/undelete/one`, { versions: [3] });
  assert.deepEqual((await read()).data.data, { n: 3 });
  await client.write(`${path}/delete/one`, { versions: [1, 2] });
  await refused(404, read(1));
  // The one command that node-vault has for KV version 2 (a PUT, or a POST in other releases of it).
  await client.destroySecretVersions({ mount_point: path, path: 'one', versions: [1] });
  await client.write(`${path}/undelete/one`, { versions: [1, 2] });
  assert.deepEqual((await read(2)).data.data, { n: 2 });
  assert.equal((await refused(404, read(1))).data.metadata.destroyed, true);
}

export async function kv2_metadata(server) {
  const { client, path } = await server.mount(2);
  const read = async () => (await client.read(`${path}/metadata/one`)).data;
  const given = { max_versions: 2, delete_version_after: '3h25m19s', custom_metadata: { owner: 'ann' } };
  await client.write(`${path}/metadata/one`, given);
  let metadata = await read();
  assert.deepEqual([metadata.current_version, metadata.max_versions, metadata.versions], [0, 2, {}]);
  assert.equal(metadata.delete_version_after, '3h25m19s');
  assert.deepEqual(metadata.custom_metadata, { owner: 'ann' });
  await refused(404, client.read(`${path}/data/one`));
  for (const n of [1, 2, 3]) await client.write(`${path}/data/one`, { data: { n } });
  metadata = await read();
  assert.deepEqual(Object.keys(metadata.versions), ['2', '3']);
  assert.deepEqual([metadata.oldest_version, metadata.current_version, metadata.cas_required], [2, 3, false]);
  await client.update(`${path}/metadata/one`, { custom_metadata: { team: 'red' }, max_versions: null });
  metadata = await read();
  assert.deepEqual(metadata.custom_metadata, { owner: 'ann', team: 'red' });
  assert.equal(metadata.max_versions, 0);
  await client.delete(`${path}/metadata/one`);
  await client.delete(`${path}/metadata/one`);
  await refused(404, read());
  await refused(404, client.read(`${path}/data/one`));
}

export async function kv2_list(server) {
  const { client, path } = await server.mount(2);
  for (const name of ['b', 'a/one', 'a/two/deep', 'a']) await client.write(`${path}/data/${name}`, { data: {} });
  // With the verb LIST, and as GET with a query where a proxy knows no such verb.
  for (const lister of [client, server.root({ noCustomHTTPVerbs: true })]) {
    assert.deepEqual((await lister.list(`${path}/metadata`)).data.keys, ['a', 'a/', 'b']);
    assert.deepEqual((await lister.list(`${path}/metadata/a`)).data.keys, ['one', 'two/']);
    await refused(404, lister.list(`${path}/metadata/b`));
  }
}

export async function kv2_scan(server) {
  const { client, path } = await server.mount(2);
  for (const name of ['b', 'a/one', 'a/two/deep']) await client.write(`${path}/data/${name}`, { data: {} });
  const seen = await client.request({ path: `/${path}/metadata/`, method: 'SCAN' });
  assert.deepEqual(seen.data.keys, ['a/one', 'a/two/deep', 'b']);
  assert.deepEqual((await client.read(`${path}/metadata/a?scan=true`)).data.keys, ['one', 'two/deep']);
}

export async function kv2_configuration(server) {
  const { client, path } = await server.mount(2);
  const read = async () => {
    const seen = (await client.read(`${path}/config`)).data;
    return [seen.max_versions, seen.cas_required, seen.delete_version_after];
  };
  assert.deepEqual(await read(), [0, false, '0s']);
  await client.write(`${path}/config`, { max_versions: 7, cas_required: true, delete_version_after: '1h30m' });
  assert.deepEqual(await read(), [7, true, '1h30m0s']);
}

export async function kv2_subkeys(server) {
  const { client, path } = await server.mount(2);
  await client.write(`${path}/data/one`, { data: { a: { b: { c: 'value' } }, d: ['x'] } });
  const seen = (await client.read(`${path}/subkeys/one`)).data;
  assert.deepEqual([seen.subkeys, seen.metadata.version], [{ a: { b: { c: null } }, d: null }, 1]);
  const shallow = (await client.read(`${path}/subkeys/one?depth=1`)).data;
  assert.deepEqual(shallow.subkeys, { a: null, d: null });
}

export async function kv_missing(server) {
  for (const [version, below] of [[1, ''], [2, '/data']]) {
    const { client, path } = await server.mount(version);
    const missing = await refused(404, client.read(`${path}${below}/${unique('none')}`), 'Status 404');
    assert.deepEqual(missing, { errors: [] });
    assert.deepEqual(await refused(404, client.list(version === 1 ? path : `${path}/metadata`)), { errors: [] });
  }
}

export async function kv_values_survive(server) {
  // JavaScript has no larger numbers; the other clients' suites send them.
  const values = {
    text: 'ä<&>\u2028"',
    huge: Number.MAX_SAFE_INTEGER,
    exact: 0.1,
    nested: { list: [1, null, true, { deep: [] }] },
  };
  const one = await server.mount(1);
  await one.client.write(`${one.path}/values`, values);
  assert.deepEqual((await one.client.read(`${one.path}/values`)).data, values);
  const two = await server.mount(2);
  await two.client.write(`${two.path}/data/values`, { data: values });
  assert.deepEqual((await two.client.read(`${two.path}/data/values`)).data.data, values);
}
