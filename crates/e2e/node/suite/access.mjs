// Mounts, policies, and what a token may do.

import assert from 'node:assert/strict';

import { refused, unique } from './server.mjs';

const RULES = 'path "somewhere/*" { capabilities = ["read", "list"] }';

export async function mounts(server) {
  const client = server.root();
  const path = unique('mount');
  const mount = { mount_point: path, type: 'kv', description: 'for the team', options: { version: '2' } };
  await client.mount(mount);
  const seen = (await client.mounts()).data;
  for (const wanted of ['sys/', 'cubbyhole/', `${path}/`]) assert.ok(seen[wanted], wanted);
  assert.equal(seen[`${path}/`].type, 'kv');
  assert.equal(seen[`${path}/`].description, 'for the team');
  assert.deepEqual(seen[`${path}/`].options, { version: '2' });
  assert.match(seen[`${path}/`].accessor, /^kv_/);
  await refused(400, client.mount(mount), `path is already in use at ${path}/`);
  await client.write(`${path}/data/left`, { data: { a: 'b' } });
  await client.unmount({ mount_point: path });
  await client.unmount({ mount_point: path });
  assert.equal((await client.mounts()).data[`${path}/`], undefined);
  await client.mount(mount);
  await refused(404, client.read(`${path}/data/left`));
}

export async function mount_tuning(server) {
  const { client, path } = await server.mount(2);
  await client.write(`sys/mounts/${path}/tune`, { default_lease_ttl: '1h', max_lease_ttl: 7200, description: 'tuned' });
  const seen = (await client.read(`sys/mounts/${path}/tune`)).data;
  assert.deepEqual([seen.default_lease_ttl, seen.max_lease_ttl, seen.description], [3600, 7200, 'tuned']);
  assert.deepEqual(seen.options, { version: '2' });
}

export async function mount_move(server) {
  const { client, path } = await server.mount(2);
  await client.write(`${path}/data/along`, { data: { a: 'b' } });
  const to = unique('moved');
  const started = await client.remount({ from: path, to });
  let info;
  do {
    info = (await client.read(`sys/remount/status/${started.data.migration_id}`)).data.migration_info;
  } while (info.status === 'in-progress');
  assert.equal(info.status, 'success');
  assert.equal(info.source_mount.replaceAll('/', ''), path);
  assert.equal(info.target_mount.replaceAll('/', ''), to);
  assert.deepEqual((await client.read(`${to}/data/along`)).data.data, { a: 'b' });
  await refused(404, client.read(`${path}/data/along`));
}

export async function mount_missing(server) {
  await refused(400, server.root().read(`sys/mounts/${unique('none')}`), 'No secret engine mount at');
}

export async function mount_preflight(server) {
  const { client, path } = await server.mount(2);
  const seen = (await client.read(`sys/internal/ui/mounts/${path}/some/secret`)).data;
  assert.deepEqual([seen.path, seen.type, seen.options.version], [`${path}/`, 'kv', '2']);
  const missing = client.read(`sys/internal/ui/mounts/${unique('none')}`);
  await refused(403, missing, 'preflight capability check returned 403');
}

export async function auth_methods(server) {
  const seen = (await server.root().auths()).data;
  assert.equal(seen['token/'].type, 'token');
  assert.match(seen['token/'].accessor, /^auth_token_/);
}

export async function policies(server) {
  const client = server.root();
  const name = unique('policy');
  // node-vault writes the old field, and reads what it calls rules.
  await client.addPolicy({ name, rules: RULES });
  assert.equal((await client.getPolicy({ name })).data.rules, RULES);
  const seen = (await client.policies()).data.policies;
  for (const wanted of [name, 'default', 'root']) assert.ok(seen.includes(wanted), wanted);
  assert.equal((await client.read(`sys/policies/acl/${name}`)).data.policy, RULES);
  await refused(400, client.addPolicy({ name, rules: 'path "x" { nonsense = 1 }' }));
  await client.removePolicy({ name });
  await client.removePolicy({ name });
  await refused(404, client.getPolicy({ name }));
  await refused(400, client.removePolicy({ name: 'default' }));
}

export async function capabilities(server) {
  const client = await server.withPolicy(RULES);
  const paths = ['somewhere/below', 'elsewhere'];
  const own = (await client.write('sys/capabilities-self', { paths })).data;
  assert.deepEqual(own['somewhere/below'].sort(), ['list', 'read']);
  assert.deepEqual(own.elsewhere, ['deny']);
  const root = server.root();
  const one = await root.write('sys/capabilities', { path: 'somewhere/below', token: client.token });
  assert.deepEqual(one.data.capabilities.sort(), ['list', 'read']);
  assert.deepEqual(one.capabilities.sort(), ['list', 'read']);
  const { accessor } = (await client.tokenLookupSelf()).data;
  const held = (await root.write('sys/capabilities-accessor', { paths, accessor })).data;
  assert.deepEqual(held['somewhere/below'].sort(), ['list', 'read']);
  assert.deepEqual((await root.write('sys/capabilities-self', { paths })).data.elsewhere, ['root']);
}

export async function path_help(server) {
  const { client, path } = await server.mount(2);
  const seen = await client.help(`${path}/config`);
  assert.ok(seen.help.length > 0);
  assert.ok(seen.openapi);
}
