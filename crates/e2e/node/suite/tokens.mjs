// Tokens: every way to make one, and what becomes of it.

import assert from 'node:assert/strict';
import { once } from 'node:events';

import { refused, unique } from './server.mjs';

// node-vault takes over the token of whatever makes or renews one, so each of these calls has a client of its own.
const make = async (server, options) => (await server.root().tokenCreate(options)).auth;

/** For the fields that node-vault's own command does not know. */
const makeWith = async (server, fields) => (await server.root().write('auth/token/create', fields)).auth;

const MAKER = 'path "auth/token/create*" { capabilities = ["create", "update", "sudo"] }';

export async function token_create(server) {
  const client = server.root();
  const made = await server.root().tokenCreate({
    policies: ['default', 'not-there'],
    ttl: '1h',
    explicit_max_ttl: '2h',
    meta: { for: 'suite' },
    display_name: 'suite',
  });
  const { auth } = made;
  assert.deepEqual(auth.policies, ['default', 'not-there']);
  assert.deepEqual(auth.token_policies, ['default', 'not-there']);
  assert.deepEqual([auth.lease_duration, auth.renewable, auth.orphan, auth.num_uses], [3600, true, false, 0]);
  assert.deepEqual([auth.token_type, auth.entity_id], ['service', '']);
  assert.deepEqual(auth.metadata, { for: 'suite' });
  assert.match(auth.client_token, /^hvs\./);
  assert.ok(made.warnings.some((warning) => warning.includes('not-there')));
  const seen = (await client.tokenLookup({ token: auth.client_token })).data;
  assert.deepEqual([seen.explicit_max_ttl, seen.display_name, seen.path], [7200, 'token-suite', 'auth/token/create']);
  const id = unique('chosen-id');
  const plain = { id, policies: ['not-there'], no_default_policy: true, renewable: false, ttl: '600' };
  const chosen = await make(server, plain);
  assert.deepEqual([chosen.client_token, chosen.renewable, chosen.lease_duration], [id, false, 600]);
  assert.deepEqual(chosen.policies, ['not-there']);
  await refused(403, server.client(auth.client_token).tokenCreate());
}

export async function token_orphan(server) {
  const client = server.root();
  const made = await server.root().tokenCreateOrphan({ policies: ['default'], ttl: '10m' });
  assert.equal(made.auth.orphan, true);
  const noParent = await make(server, { policies: ['default'], ttl: '10m', no_parent: true });
  assert.equal(noParent.orphan, true);
  const parent = await server.withPolicy(MAKER);
  const child = server.client((await server.client(parent.token).tokenCreate({ ttl: '10m' })).auth.client_token);
  const orphan = server.client(parent.token);
  await orphan.tokenCreateOrphan({ ttl: '10m' });
  assert.notEqual(orphan.token, parent.token);
  await client.tokenRevoke({ token: parent.token });
  await refused(403, child.tokenLookupSelf());
  assert.equal((await orphan.tokenLookupSelf()).data.orphan, true);
}

export async function token_roles(server) {
  const client = server.root();
  const role = unique('role');
  await client.addTokenRole({
    role_name: role,
    allowed_policies: 'default,one',
    orphan: true,
    renewable: false,
    path_suffix: 'suite',
    explicit_max_ttl: 7200,
  });
  const seen = (await client.getTokenRole({ role_name: role })).data;
  assert.equal(seen.name, role);
  assert.deepEqual(seen.allowed_policies, ['default', 'one']);
  assert.deepEqual([seen.orphan, seen.renewable, seen.path_suffix], [true, false, 'suite']);
  assert.equal(seen.explicit_max_ttl, 7200);
  assert.ok((await client.tokenRoles()).data.keys.includes(role));
  const made = (await server.root().tokenCreateRole({ role_name: role, policies: ['one'], ttl: '1h' })).auth;
  assert.deepEqual(made.policies, ['default', 'one']);
  assert.deepEqual([made.orphan, made.renewable], [true, false]);
  const own = (await server.client(made.client_token).tokenLookupSelf()).data;
  assert.deepEqual([own.role, own.path], [role, `auth/token/create/${role}/suite`]);
  await refused(400, client.tokenCreateRole({ role_name: role, policies: ['other'] }));
  await client.removeTokenRole({ role_name: role });
  await refused(404, client.getTokenRole({ role_name: role }));
  await refused(400, client.tokenCreateRole({ role_name: role }), 'unknown role');
}

export async function token_batch(server) {
  const client = server.root();
  const made = await makeWith(server, { type: 'batch', policies: ['default'], ttl: '10m' });
  assert.match(made.client_token, /^hvb\./);
  assert.deepEqual([made.token_type, made.accessor, made.renewable], ['batch', '', false]);
  const own = server.client(made.client_token);
  const seen = (await own.tokenLookupSelf()).data;
  assert.equal(seen.type, 'batch');
  assert.deepEqual(seen.policies, ['default']);
  await refused(400, own.tokenRenewSelf());
  await refused(400, client.tokenRevoke({ token: made.client_token }));
  await refused(400, makeWith(server, { type: 'batch', ttl: '10m', period: '1h' }), 'batch');
}

export async function token_periodic(server) {
  const made = await makeWith(server, { policies: ['default'], period: '2h' });
  assert.equal(made.lease_duration, 7200);
  const own = server.client(made.client_token);
  assert.equal((await own.tokenLookupSelf()).data.period, 7200);
  assert.equal((await own.tokenRenewSelf({ increment: 1 })).auth.lease_duration, 7200);
}

export async function token_use_limit(server) {
  const made = await make(server, { policies: ['default'], num_uses: 2, ttl: '10m' });
  assert.equal(made.num_uses, 2);
  const own = server.client(made.client_token);
  assert.equal((await own.tokenLookupSelf()).data.num_uses, 1);
  await own.tokenLookupSelf();
  await refused(403, own.tokenLookupSelf());
}

export async function token_lookup(server) {
  const client = server.root();
  const root = (await client.tokenLookupSelf()).data;
  assert.deepEqual([root.expire_time, root.ttl, root.type, root.entity_id], [null, 0, 'service', '']);
  const { client_token: token, accessor } = await make(server, { policies: ['default'], ttl: '10m' });
  const seen = (await client.tokenLookup({ token })).data;
  const own = (await server.client(token).tokenLookupSelf()).data;
  assert.deepEqual([seen.id, own.id, seen.accessor, own.accessor], [token, token, accessor, accessor]);
  assert.equal(own.creation_ttl, 600);
  assert.ok(own.ttl > 0 && own.ttl <= 600);
  assert.ok(new Date(own.expire_time) > new Date(own.issue_time));
  const held = (await client.tokenLookupAccessor({ accessor })).data;
  assert.deepEqual([held.id, held.accessor], ['', accessor]);
  assert.ok((await client.tokenAccessors()).data.keys.includes(accessor));
}

export async function token_renewal(server) {
  const client = server.root();
  const made = await make(server, { policies: ['default'], ttl: '10m', explicit_max_ttl: '1h' });
  const own = server.client(made.client_token);
  const renewed = (await own.tokenRenewSelf({ increment: 1800 })).auth;
  assert.equal(renewed.lease_duration, 1800);
  assert.deepEqual([renewed.client_token, renewed.accessor], [made.client_token, made.accessor]);
  const other = await server.root().tokenRenew({ token: made.client_token, increment: 1200 });
  assert.equal(other.auth.lease_duration, 1200);
  const capped = await client.write('auth/token/renew-accessor', { accessor: made.accessor, increment: '5h' });
  assert.ok(capped.auth.lease_duration > 3000 && capped.auth.lease_duration <= 3600);
  assert.ok(capped.warnings.length > 0);
  const fixed = (await make(server, { policies: ['default'], ttl: '10m', renewable: false })).client_token;
  await refused(400, server.client(fixed).tokenRenewSelf(), 'lease is not renewable');
}

/** node-vault's own loop, which reads `lease_duration` and `renewable` of each reply. */
export async function token_renewal_in_background(server) {
  const made = await make(server, { policies: ['default'], ttl: '1m' });
  const own = server.client(made.client_token);
  const renewed = once(own, 'token:renewed');
  const refusedInstead = once(own, 'token:error:renew').then(([error]) => Promise.reject(error));
  const ended = once(own, 'token:expired').then(() => Promise.reject(new Error('said to have no life left')));
  await own.startTokenRenewal({ renewFraction: 0.01, increment: 3600 });
  // Its timer alone does not keep a program alive.
  const alive = setInterval(() => {}, 60_000);
  const [reply] = await Promise.race([renewed, refusedInstead, ended]);
  clearInterval(alive);
  own.stopTokenRenewal();
  assert.equal(reply.auth.lease_duration, 3600);
  assert.equal(reply.auth.renewable, true);
}

export async function token_revocation(server) {
  const client = server.root();
  const parent = await server.withPolicy(MAKER);
  const child = server.client((await server.client(parent.token).tokenCreate({ ttl: '10m' })).auth.client_token);
  await client.tokenRevokeOrphan({ token: parent.token });
  await refused(403, parent.tokenLookupSelf());
  assert.equal((await child.tokenLookupSelf()).data.orphan, true);
  const made = await make(server, { policies: ['default'], ttl: '10m' });
  await client.tokenRevokeAccessor({ accessor: made.accessor });
  await refused(403, server.client(made.client_token).tokenLookupSelf());
  await child.tokenRevokeSelf();
  await refused(403, child.tokenLookupSelf());
  const token = (await make(server, { policies: ['default'], ttl: '10m' })).client_token;
  await client.tokenRevoke({ token });
  await client.tokenRevoke({ token });
  await refused(403, server.client(token).tokenLookupSelf());
}

export async function token_unknown(server) {
  const client = server.root();
  await refused(403, server.client('hvs.nobody').tokenLookupSelf(), 'permission denied');
  await refused(403, client.tokenLookup({ token: 'hvs.nobody' }), 'bad token');
  await refused(403, client.tokenLookupAccessor({ accessor: 'nobody' }), 'invalid accessor');
}
