// People of a real directory log in through node-vault, and use what they are given. The directory, and where it keeps
// people and groups, is as the test starts it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import vault from 'node-vault';

const { VAULT_ADDR: endpoint, VAULT_TOKEN: token, LDAP_URL: url, LDAP_CA: authority } = process.env;
const root = vault({ endpoint, token });
const somebody = () => vault({ endpoint, token: '' });

await root.enableAuth({ mount_point: 'people', type: 'ldap' });
await root.write('auth/people/config', {
  url,
  certificate: readFileSync(authority, 'utf8'),
  binddn: 'cn=reader,dc=example,dc=org',
  bindpass: 'reads',
  userdn: 'ou=people,dc=example,dc=org',
  userattr: 'uid',
  groupdn: 'ou=groups,dc=example,dc=org',
  token_ttl: '20m',
});
await root.write('auth/people/groups/dev', { policies: 'developers' });
await root.addPolicy({ name: 'developers', rules: 'path "secret/data/dev/*" { capabilities = ["create", "update", "read"] }' });

const bob = somebody();
const { auth } = await bob.ldapLogin({ username: 'bob', password: 'wonder', mount_point: 'people' });
assert.deepEqual(auth.token_policies, ['default', 'developers']);
assert.equal(auth.lease_duration, 1200);
await bob.write('secret/data/dev/a', { data: { x: 1 } });
assert.equal((await bob.read('secret/data/dev/a')).data.data.x, 1);
assert.equal((await bob.tokenRenewSelf()).auth.lease_duration, 1200);
assert.equal((await bob.tokenLookupSelf()).data.display_name, 'people-bob');

const ann = somebody();
await ann.ldapLogin({ username: 'ann', password: 'secret', mount_point: 'people' });
await assert.rejects(ann.read('secret/data/dev/a'), /permission denied/);

for (const [username, password] of [['bob', 'secret'], ['nobody', 'wonder'], ['bob*', 'wonder']]) {
  const login = somebody().ldapLogin({ username, password, mount_point: 'people' });
  await assert.rejects(login, /ldap operation failed: failed to bind as user/);
}
console.log('all is well');
