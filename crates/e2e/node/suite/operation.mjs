// Namespaces, leases and audit devices.

import assert from 'node:assert/strict';

import { refused, unique } from './server.mjs';

export async function namespaces(server) {
  const root = server.root();
  const name = unique('team');
  await root.write(`sys/namespaces/${name}`, {});
  assert.ok((await root.list('sys/namespaces')).data.keys.includes(`${name}/`));
  const inside = server.root({ namespace: name });
  await inside.mount({ mount_point: 'own', type: 'kv', options: { version: '2' } });
  assert.equal((await root.mounts()).data['own/'], undefined);
  await inside.write('own/data/deep', { data: { a: 'b' } });
  assert.deepEqual((await root.read(`${name}/own/data/deep`)).data.data, { a: 'b' });
  await inside.addPolicy({ name: 'reader', rules: 'path "own/*" { capabilities = ["read"] }' });
  // The client that makes a token goes on with it.
  const made = (await server.root({ namespace: name }).tokenCreate({ policies: ['reader'], ttl: '10m', no_parent: true })).auth;
  assert.equal(made.client_token.split('.').length, 3);
  assert.equal(made.accessor.split('.').length, 2);
  const reader = server.client(made.client_token, { namespace: name });
  assert.deepEqual((await reader.read('own/data/deep')).data.data, { a: 'b' });
  await refused(403, server.client(made.client_token).tokenLookupSelf(), 'permission denied');
  const inner = unique('inner');
  await inside.write(`sys/namespaces/${inner}`, {});
  await refused(400, root.delete(`sys/namespaces/${name}`), 'namespaces below it');
  await inside.delete(`sys/namespaces/${inner}`);
  // What it held is cleared away behind the reply.
  while ((await inside.list('sys/namespaces').catch(() => null)) !== null);
  await root.delete(`sys/namespaces/${name}`);
  await refused(403, reader.tokenLookupSelf());
  await refused(404, inside.mounts(), 'namespace not found');
}

export async function token_leases(server) {
  const root = server.root();
  const role = unique('role');
  await root.write(`auth/token/roles/${role}`, { allowed_policies: ['default'] });
  const made = [];
  for (let count = 0; count < 3; count += 1) {
    made.push((await root.write(`auth/token/create/${role}`, { ttl: '10m' })).auth.client_token);
  }
  const prefix = `auth/token/create/${role}`;
  const tails = (await root.list(`sys/leases/lookup/${prefix}`)).data.keys;
  assert.equal(tails.length, 3);
  const lease_id = `${prefix}/${tails[0]}`;
  const seen = (await root.write('sys/leases/lookup', { lease_id })).data;
  assert.deepEqual([seen.id, seen.renewable, seen.last_renewal], [lease_id, true, null]);
  assert.ok(seen.ttl > 0 && seen.ttl <= 600, `${seen.ttl}`);
  await refused(400, root.renew({ lease_id }), 'through this endpoint');
  await refused(400, root.write('sys/leases/lookup', { lease_id: `${prefix}/none` }), 'invalid lease');
  await refused(403, (await server.stranger()).revokePrefix({ path_prefix: prefix }));
  await root.revoke({ lease_id });
  assert.equal((await root.list(`sys/leases/lookup/${prefix}`)).data.keys.length, 2);
  await root.revokePrefix({ path_prefix: prefix });
  await refused(404, root.list(`sys/leases/lookup/${prefix}`));
  for (const token of made) await refused(403, server.client(token).tokenLookupSelf());
}

export async function audit_devices(server) {
  const root = server.root();
  const name = unique('trail');
  const options = { file_path: 'discard' };
  await root.enableAudit({ name, type: 'file', description: 'to nowhere', options });
  const seen = (await root.audits()).data[`${name}/`];
  assert.deepEqual([seen.type, seen.description, seen.path], ['file', 'to nowhere', `${name}/`]);
  assert.deepEqual([seen.options, seen.local], [options, false]);
  const hash = async () => (await root.write(`sys/audit-hash/${name}`, { input: 'some text' })).data.hash;
  assert.match(await hash(), /^hmac-sha256:[0-9a-f]{64}$/);
  assert.equal(await hash(), await hash());
  await refused(400, root.enableAudit({ name, type: 'file', options }), 'path already in use');
  await refused(400, root.enableAudit({ name: unique('trail'), type: 'file', options: {} }));
  await root.disableAudit({ name });
  assert.equal((await root.audits()).data[`${name}/`], undefined);
}
