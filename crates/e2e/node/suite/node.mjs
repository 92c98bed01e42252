// Starting, sealing, and what a node says about itself.

import assert from 'node:assert/strict';

import { refused } from './server.mjs';

export async function initialize_and_unseal(server) {
  const client = server.trusting();
  assert.deepEqual(await client.initialized(), { initialized: false });
  await refused(400, client.init({ secret_shares: 2, secret_threshold: 3 }));
  const made = await client.init({ secret_shares: 3, secret_threshold: 2 });
  assert.equal(made.keys.length, 3);
  assert.equal(made.keys_base64.length, 3);
  await refused(400, client.init({ secret_shares: 1, secret_threshold: 1 }));
  assert.equal((await client.status()).sealed, true);
  await refused(400, client.unseal({ key: 'not a key' }));
  assert.equal((await client.unseal({ key: made.keys[0] })).progress, 1);
  assert.equal((await client.unseal({ key: made.keys[0] })).progress, 1);
  assert.equal((await client.unseal({ reset: true })).progress, 0);
  await client.unseal({ key: made.keys[2] });
  const status = await client.unseal({ key: made.keys_base64[1] });
  assert.deepEqual([status.sealed, status.t, status.n], [false, 2, 3]);
  client.token = made.root_token;
  assert.deepEqual((await client.tokenLookupSelf()).data.policies, ['root']);
}

export async function sealed_is_down(server) {
  const client = server.trusting();
  const made = await client.init({ secret_shares: 1, secret_threshold: 1 });
  await refused(503, client.read('secret/anything'), 'Vault is sealed');
  await client.unseal({ key: made.keys[0] });
  client.token = made.root_token;
  await client.mount({ mount_point: 'kept', type: 'kv', options: { version: '1' } });
  await client.write('kept/one', { a: 'b' });
  await client.seal();
  assert.equal((await client.status()).sealed, true);
  // node-vault gives the body of a health check whatever its status.
  assert.equal((await client.health()).sealed, true);
  await refused(503, client.read('kept/one'), 'Vault is sealed');
  await client.unseal({ key: made.keys_base64[0] });
  assert.deepEqual((await client.read('kept/one')).data, { a: 'b' });
}

export async function generate_root(server) {
  const client = server.trusting();
  const { keys } = await client.init({ secret_shares: 3, secret_threshold: 2 });
  await client.unseal({ key: keys[0] });
  await client.unseal({ key: keys[1] });
  const begun = await client.generateRootInit({});
  assert.deepEqual([begun.started, begun.required, begun.otp_length, begun.otp.length], [true, 2, 28, 28]);
  await refused(400, client.generateRootInit({}), 'already in progress');
  await refused(400, client.generateRootUpdate({ key: keys[0], nonce: 'other' }), 'incorrect nonce');
  assert.equal((await client.generateRootUpdate({ key: keys[0], nonce: begun.nonce })).progress, 1);
  const last = await client.generateRootUpdate({ key: keys[2], nonce: begun.nonce });
  assert.deepEqual([last.complete, last.encoded_root_token], [true, last.encoded_token]);
  const encoded = Buffer.from(last.encoded_token, 'base64');
  client.token = String.fromCharCode(...encoded.map((byte, at) => byte ^ begun.otp.charCodeAt(at)));
  assert.deepEqual((await client.tokenLookupSelf()).data.policies, ['root']);
  await client.generateRootInit({});
  await client.generateRootCancel();
  assert.equal((await client.read('sys/generate-root/attempt')).started, false);
}

export async function tls_with_own_authority(server) {
  assert.ok(server.url.startsWith('https:'));
  assert.deepEqual(await server.trusting().initialized(), { initialized: false });
  await assert.rejects(server.client().initialized(), /certificate/);
}

export async function health(server) {
  const seen = await server.client().health();
  assert.deepEqual([seen.initialized, seen.sealed, seen.standby, seen.performance_standby], [true, false, false, false]);
  assert.ok(Number.isInteger(seen.server_time_utc));
  assert.ok(seen.version);
}

export async function seal_status(server) {
  const seen = await server.client().status();
  assert.deepEqual([seen.type, seen.sealed, seen.initialized], ['shamir', false, true]);
  assert.deepEqual([seen.t, seen.n, seen.progress, seen.nonce], [1, 1, 0, '']);
  assert.match(seen.version, /^\d+\.\d+\.\d+$/);
}

export async function leader(server) {
  const seen = await server.client().leader();
  assert.equal(seen.is_self, true);
  assert.equal(typeof seen.ha_enabled, 'boolean');
}
