// Logins of people and machines.

import assert from 'node:assert/strict';

import { refused, unique } from './server.mjs';

const WRONG_PASSWORD = 'invalid username or password';
const WRONG_SECRET_ID = 'invalid role or secret ID';

/** A new mount of an auth method; gives root's client and the mount's path. */
async function enabled(server, type) {
  const client = server.root();
  const mount_point = unique(type);
  await client.enableAuth({ mount_point, type });
  return { client, mount_point };
}

export async function userpass(server) {
  const { client, mount_point } = await enabled(server, 'userpass');
  const user = `auth/${mount_point}/users/ann`;
  await client.write(user, { password: 'right', policies: 'default', token_ttl: '20m' });
  const own = server.client();
  const { auth } = await own.userpassLogin({ mount_point, username: 'ann', password: 'right' });
  assert.deepEqual(auth.metadata, { username: 'ann' });
  assert.deepEqual([auth.lease_duration, auth.token_policies, auth.token_type], [1200, ['default'], 'service']);
  assert.equal(own.token, auth.client_token);
  assert.equal((await own.tokenLookupSelf()).data.entity_id, auth.entity_id);
  const login = (username, password) => server.client().userpassLogin({ mount_point, username, password });
  await refused(400, login('ann', 'wrong'), WRONG_PASSWORD);
  await refused(400, login('nobody', 'right'), WRONG_PASSWORD);
  await client.write(`${user}/password`, { password: 'newer' });
  await refused(400, login('ann', 'right'), WRONG_PASSWORD);
  assert.equal((await login('ann', 'newer')).auth.entity_id, auth.entity_id);
}

export async function approle(server) {
  const { client, mount_point } = await enabled(server, 'approle');
  const role = { mount_point, role_name: 'shop' };
  await client.addApproleRole({ ...role, policies: 'default', token_ttl: 1200, secret_id_ttl: 3600, period: 600 });
  const seen = (await client.getApproleRole(role)).data;
  assert.deepEqual([seen.policies, seen.token_policies, seen.period], [['default'], ['default'], 600]);
  assert.deepEqual([seen.token_ttl, seen.secret_id_ttl, seen.bind_secret_id], [1200, 3600, true]);
  assert.deepEqual((await client.approleRoles({ mount_point })).data.keys, ['shop']);
  const role_id = unique('shop');
  const drawn = (await client.getApproleRoleId(role)).data.role_id;
  await client.updateApproleRoleId({ ...role, role_id });
  assert.equal((await client.getApproleRoleId(role)).data.role_id, role_id);
  const { secret_id } = (await client.getApproleRoleSecret({ ...role, metadata: '{"host":"web-1"}' })).data;
  const own = server.client();
  const { auth } = await own.approleLogin({ mount_point, role_id, secret_id });
  assert.deepEqual(auth.metadata, { role_name: 'shop', host: 'web-1' });
  assert.deepEqual([auth.lease_duration, auth.renewable], [600, true]);
  assert.equal((await own.tokenRenewSelf()).auth.lease_duration, 600);
  const login = (pair) => server.client().approleLogin({ mount_point, ...pair });
  await refused(400, login({ role_id: drawn, secret_id }), WRONG_SECRET_ID);
  await refused(400, login({ role_id, secret_id: drawn }), WRONG_SECRET_ID);
  await refused(400, login({ role_id }), 'missing secret_id');
  await client.deleteApproleRole(role);
  await refused(404, client.getApproleRole(role));
  await refused(400, login({ role_id, secret_id }), WRONG_SECRET_ID);
}

export async function approle_secret_ids(server) {
  const { client, mount_point } = await enabled(server, 'approle');
  const role = { mount_point, role_name: 'shop' };
  await client.addApproleRole({ ...role, secret_id_num_uses: 1 });
  const { role_id } = (await client.getApproleRoleId(role)).data;
  const issue = async () => (await client.getApproleRoleSecret({ ...role, cidr_list: ['127.0.0.0/8'] })).data;
  const login = ({ secret_id }) => server.client().approleLogin({ mount_point, role_id, secret_id });
  const first = await issue();
  const { secret_id, secret_id_accessor } = first;
  assert.deepEqual([first.secret_id_num_uses, first.secret_id_ttl], [1, 0]);
  assert.deepEqual((await client.approleSecretAccessors(role)).data.keys, [secret_id_accessor]);
  const seen = (await client.approleSecretLookup({ ...role, secret_id })).data;
  assert.deepEqual([seen.cidr_list, seen.secret_id_num_uses], [['127.0.0.0/8'], 1]);
  assert.equal(seen.expiration_time, '0001-01-01T00:00:00Z');
  assert.deepEqual((await client.approleSecretAccessorLookup({ ...role, secret_id_accessor })).data, seen);
  assert.ok((await login(first)).auth.client_token);
  await refused(400, login(first), WRONG_SECRET_ID);
  const second = await issue();
  await client.approleSecretDestroy({ ...role, secret_id: second.secret_id });
  await refused(400, login(second), WRONG_SECRET_ID);
  const third = await issue();
  const gone = { ...role, secret_id_accessor: third.secret_id_accessor };
  await client.approleSecretAccessorDestroy(gone);
  await refused(400, login(third), WRONG_SECRET_ID);
  const missing = 'failed to find accessor entry for secret_id_accessor';
  await refused(404, client.approleSecretAccessorLookup(gone), missing);
}

export async function approle_wrapped(server) {
  const { client, mount_point } = await enabled(server, 'approle');
  const role = { mount_point, role_name: 'kong' };
  await client.addApproleRole({ ...role, secret_id_num_uses: 1 });
  const { role_id } = (await client.getApproleRoleId(role)).data;
  const requestOptions = { headers: { 'X-Vault-Wrap-TTL': '60m' } };
  const reply = await client.getApproleRoleSecret({ ...role, requestOptions });
  const info = reply.wrap_info;
  assert.deepEqual([reply.data, info.ttl], [null, 3600]);
  assert.equal(info.creation_path, `auth/${mount_point}/role/kong/secret-id`);
  assert.deepEqual((await client.approleSecretAccessors(role)).data.keys, [info.wrapped_accessor]);
  const { secret_id } = (await server.client(info.token).unwrap()).data;
  assert.ok((await server.client().approleLogin({ mount_point, role_id, secret_id })).auth.client_token);
  await refused(400, server.client().approleLogin({ mount_point, role_id, secret_id }), WRONG_SECRET_ID);
  await refused(400, server.client(info.token).unwrap(), 'wrapping token is not valid or does not exist');
}
