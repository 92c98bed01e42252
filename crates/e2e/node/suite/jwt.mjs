// Machines log in with tokens that a provider has signed, through node-vault; and what is no such token does not.
//
// The environment says where: VAULT_ADDR and VAULT_TOKEN for the server, PROVIDER for the provider (provider.mjs).

import assert from 'node:assert/strict';

import vault from 'node-vault';

const endpoint = process.env.VAULT_ADDR;
const provider = process.env.PROVIDER;
const AUDIENCE = 'https://idp.test/api/v2/';
const root = vault({ endpoint, token: process.env.VAULT_TOKEN });

async function control(name, asked = {}) {
  const reply = await fetch(`${provider}/test/${name}`, { method: 'POST', body: JSON.stringify(asked) });
  assert.equal(reply.status, 200);
  return reply.text();
}

// A token of the provider for a machine, as Auth0 gives it.
async function minted(audience = AUDIENCE) {
  const credentials = { grant_type: 'client_credentials', client_id: 'kong', client_secret: 'kong-secret', audience };
  const reply = await fetch(`${provider}/oauth/token`, { method: 'POST', body: new URLSearchParams(credentials) });
  const { access_token, token_type } = await reply.json();
  assert.equal(token_type, 'Bearer');
  return access_token;
}

function login(jwt, role = 'demo') {
  return vault({ endpoint }).write('auth/jwt/login', { role, jwt });
}

async function refused(jwt, text, role) {
  await assert.rejects(login(jwt, role), (error) => {
    assert.equal(error.response.statusCode, 400);
    assert.ok(error.response.body.errors[0].includes(text), `${text} is not in ${error.response.body.errors[0]}`);
    return true;
  });
}

const now = Math.floor(Date.now() / 1000);
const usual = { iss: provider, sub: 'kong@clients', aud: AUDIENCE, iat: now, exp: now + 600 };
const role = {
  role_type: 'jwt', user_claim: 'sub', bound_subject: 'kong@clients', bound_audiences: [AUDIENCE],
  token_policies: ['default'], token_type: 'batch', claim_mappings: { gty: 'grant' },
};

await root.enableAuth({ mount_point: 'jwt', type: 'jwt' });
await root.write('auth/jwt/config', { jwks_url: `${provider}/.well-known/jwks.json`, default_role: 'demo' });
await root.write('auth/jwt/role/demo', role);
await root.write('auth/jwt/role/service', { ...role, token_type: 'service', token_ttl: '1h' });

// A batch token, and what it is.
const { auth } = await login(await minted());
assert.ok(auth.client_token.startsWith('hvb.') && auth.accessor === '' && auth.renewable === false);
assert.deepEqual([auth.token_type, auth.policies, auth.orphan], ['batch', ['default'], true]);
assert.deepEqual(auth.metadata, { role: 'demo', grant: 'client-credentials' });
const self = (await vault({ endpoint, token: auth.client_token }).tokenLookupSelf()).data;
assert.deepEqual([self.type, self.display_name, self.entity_id], ['batch', 'jwt-kong@clients', auth.entity_id]);
assert.equal((await login(await minted(), '')).auth.entity_id, auth.entity_id);

// A service token is renewed as long as its role is there.
const service = vault({ endpoint, token: (await login(await minted(), 'service')).auth.client_token });
assert.equal((await service.tokenRenewSelf()).auth.lease_duration, 3600);
await root.delete('auth/jwt/role/service');
await assert.rejects(service.tokenRenewSelf(), (error) => error.response.body.errors[0].includes('does not exist during renewal'));

// What is no token of this machine, of this provider, for us, and now.
await refused(await minted('https://other.test/'), 'invalid audience (aud) claim');
for (const [claims, text] of [
  [{ sub: 'other@clients' }, 'invalid subject (sub) claim'],
  [{ aud: ['x', 'y'] }, 'invalid audience (aud) claim'],
  [{ iat: now - 600, exp: now - 90 }, 'invalid expiration time (exp) claim: token is expired'],
  [{ iat: now + 90, nbf: now }, 'token issued in the future'],
  [{ nbf: now + 90 }, 'invalid not before (nbf) claim: token not yet valid'],
]) {
  await refused(await control('sign', { claims: { ...usual, ...claims } }), text);
}
const unproven = 'error verifying token signature: no known key successfully validated the token signature';
for (const how of ['none', 'hmac', 'stranger']) {
  await refused(await control('sign', { claims: usual, how }), unproven);
}
await refused('x.y.z', 'error verifying token signature');
await refused('', 'missing token');
await refused(await minted(), 'role "none" could not be found', 'none');
assert.ok((await login(await control('sign', { claims: { ...usual, iat: now - 600, exp: now - 30 } }))).auth);

// The provider changes its keys: tokens of the new ones are taken as soon as it may be asked again, those of the old ones
// not any more. Nobody has to touch the configuration.
const old = await minted();
await control('rotate');
const started = Date.now();
for (;;) {
  const seen = await login(await minted()).catch((error) => error.response.body.errors[0]);
  if (typeof seen !== 'string') break;
  assert.ok(seen.includes(unproven), seen);
  assert.ok(Date.now() - started < 60_000, 'the new keys were not fetched within a minute');
  await new Promise((later) => setTimeout(later, 500));
}
await refused(old, unproven);

// By the provider's own word about itself, which has to be the very same.
const trailing = root.write('auth/jwt/config', { oidc_discovery_url: `${provider}/` });
await assert.rejects(trailing, (error) => error.response.body.errors[0].includes('error checking oidc discovery URL'));
await root.write('auth/jwt/config', { oidc_discovery_url: provider, bound_issuer: provider });
assert.ok((await login(await minted())).auth);
await refused(await control('sign', { claims: { ...usual, iss: 'https://evil.test' } }), 'invalid issuer (iss) claim');

console.log('all is well');
