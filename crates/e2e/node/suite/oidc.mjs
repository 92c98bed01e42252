// Applications that know nothing of this server but OpenID Connect: openid-client logs a person in through the provider,
// and jose verifies identity tokens with the published keys. The page on which a person would log in is played by the
// script: it brings the parameters of the authorization request to the API with the person's token.

import assert from 'node:assert/strict';

import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as openid from 'openid-client';

const address = process.env.VAULT_ADDR;
const REDIRECT = 'https://app.test/callback';
const LOOPBACK = 'http://127.0.0.1/callback';

async function call(method, path, token, body) {
  const headers = token === undefined ? {} : { 'X-Vault-Token': token };
  const reply = await fetch(`${address}/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await reply.text();
  return { status: reply.status, headers: reply.headers, body: text === '' ? {} : JSON.parse(text) };
}

async function root(method, path, body) {
  const reply = await call(method, path, process.env.VAULT_TOKEN, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body.data;
}

// A person with a password, an entity, and a group.
async function person(name) {
  await root('POST', `auth/userpass/users/${name}`, { password: 'correct horse', token_policies: 'tokens' });
  const { body } = await call('POST', `auth/userpass/login/${name}`, undefined, { password: 'correct horse' });
  const entity = body.auth.entity_id;
  await root('POST', `identity/entity/id/${entity}`, { metadata: { email: `${name}@example.test` } });
  return { token: body.auth.client_token, entity };
}

async function client(name, more) {
  await root('POST', `identity/oidc/client/${name}`, { assignments: 'allow_all', redirect_uris: [REDIRECT, LOOPBACK], ...more });
  return root('GET', `identity/oidc/client/${name}`);
}

async function provider(id, secret, authentication, issuer = `${address}/v1/identity/oidc/provider/default`) {
  const options = { execute: [openid.allowInsecureRequests] };
  return openid.discovery(new URL(issuer), id, { client_secret: secret }, authentication, options);
}

// What the page does that shows the login: it asks for a code, and sends the person back.
async function authorized(config, person, redirect, parameters, method = 'GET') {
  const url = openid.buildAuthorizationUrl(config, { redirect_uri: redirect, scope: 'openid profile', ...parameters });
  assert.equal(url.pathname, '/ui/vault/identity/oidc/provider/default/authorize');
  const endpoint = 'identity/oidc/provider/default/authorize';
  const reply = method === 'GET'
    ? await call('GET', `${endpoint}${url.search}`, person.token)
    : await call('POST', endpoint, person.token, Object.fromEntries(url.searchParams));
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  assert.equal(reply.body.state, url.searchParams.get('state'));
  const back = new URL(redirect);
  for (const [name, value] of Object.entries(reply.body)) back.searchParams.set(name, value);
  return back;
}

async function login(config, person, redirect, method) {
  const verifier = openid.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedNonce: openid.randomNonce(), expectedState: openid.randomState(), maxAge: 3600 };
  const parameters = {
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    nonce: checks.expectedNonce, state: checks.expectedState, max_age: '3600',
  };
  const back = await authorized(config, person, redirect, parameters, method);
  // It checks the signature by the published keys, issuer, audience, nonce, state, times, at_hash and auth_time.
  openid.enableNonRepudiationChecks(config);
  const tokens = await openid.authorizationCodeGrant(config, back, checks);
  return { tokens, back, checks };
}

async function logins() {
  const { token, entity } = await person('ada');
  const ada = { token, entity };
  const group = await root('POST', 'identity/group', { name: 'engineers', member_entity_ids: [entity] });
  assert.ok(group.id);
  const template = '{"email": {{identity.entity.metadata.email}}, "groups": {{identity.entity.groups.names}}}';
  await root('POST', 'identity/oidc/scope/profile', { template });
  await root('POST', 'identity/oidc/provider/default', { issuer: address, scopes_supported: 'profile' });
  await root('POST', 'identity/oidc/key/es', { algorithm: 'ES256', allowed_client_ids: '*' });
  const secret = await client('server', {});
  const app = await client('app', { client_type: 'public', key: 'es' });
  const ways = [
    [secret, openid.ClientSecretBasic(secret.client_secret), REDIRECT, 'GET'],
    [secret, openid.ClientSecretPost(secret.client_secret), REDIRECT, 'POST'],
    // A native application has whatever port its system gave it.
    [app, openid.None(), 'http://127.0.0.1:50505/callback', 'GET'],
  ];
  for (const [{ client_id: id, client_secret: own }, authentication, redirect, method] of ways) {
    const config = await provider(id, own, authentication);
    const { tokens, back, checks } = await login(config, ada, redirect, method);
    const claims = tokens.claims();
    assert.deepEqual([claims.sub, claims.aud, claims.namespace], [entity, id, 'root']);
    assert.deepEqual([claims.email, claims.groups], ['ada@example.test', ['engineers']]);
    assert.equal(tokens.token_type.toLowerCase(), 'bearer');
    const told = await openid.fetchUserInfo(config, tokens.access_token, entity);
    assert.deepEqual(told, { sub: entity, email: 'ada@example.test', groups: ['engineers'] });
    // The access token opens nothing else.
    const refused = await call('GET', 'auth/token/lookup-self', tokens.access_token);
    assert.equal(refused.status, 403);
    // A code is good once.
    await assert.rejects(openid.authorizationCodeGrant(config, back, checks), { error: 'invalid_grant', status: 400 });
  }
  await refusals(secret, app, ada);
}

async function refusals(secret, app, ada) {
  const wrong = await provider(secret.client_id, 'wrong', openid.ClientSecretBasic('wrong'));
  await assert.rejects(login(wrong, ada, REDIRECT, 'GET'), (error) => {
    assert.match(JSON.stringify(error.cause ?? error), /Basic|invalid_client/i);
    return true;
  });
  const config = await provider(secret.client_id, secret.client_secret);
  // The proof of another login.
  const parameters = { code_challenge: await openid.calculatePKCECodeChallenge(openid.randomPKCECodeVerifier()), code_challenge_method: 'S256' };
  const back = await authorized(config, ada, REDIRECT, { ...parameters, state: 'x' });
  const checks = { pkceCodeVerifier: openid.randomPKCECodeVerifier(), expectedState: 'x' };
  await assert.rejects(openid.authorizationCodeGrant(config, back, checks), { error: 'invalid_grant' });
  // The access token of a person who is locked out.
  const public_config = await provider(app.client_id, undefined, openid.None());
  const { tokens } = await login(public_config, ada, LOOPBACK, 'GET');
  await root('POST', `identity/entity/id/${ada.entity}`, { disabled: true });
  await assert.rejects(openid.fetchUserInfo(public_config, tokens.access_token, ada.entity), (error) => {
    assert.deepEqual([error.status, error.cause?.[0]?.parameters?.error], [401, 'invalid_token']);
    return true;
  });
}

async function identity_tokens() {
  const grace = await person('grace');
  const keys = createRemoteJWKSet(new URL(`${address}/v1/identity/oidc/.well-known/keys`), { cooldownDuration: 0 });
  for (const algorithm of ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    await root('POST', `identity/oidc/key/${algorithm}`, { algorithm, allowed_client_ids: '*' });
    await root('POST', `identity/oidc/role/${algorithm}`, { key: algorithm, client_id: 'jose', ttl: '10m', template: '{"name": {{identity.entity.name}}}' });
    const issue = async () => (await call('GET', `identity/oidc/token/${algorithm}`, grace.token)).body.data.token;
    const issuer = `${address}/v1/identity/oidc`;
    const verify = async (token) => jwtVerify(token, keys, { issuer, audience: 'jose', algorithms: [algorithm] });
    const before = await issue();
    const { payload, protectedHeader } = await verify(before);
    assert.deepEqual([payload.sub, protectedHeader.alg], [grace.entity, algorithm]);
    // The next key is known already, and the one before is still.
    await root('POST', `identity/oidc/key/${algorithm}/rotate`, {});
    const after = await verify(await issue());
    assert.notEqual(after.protectedHeader.kid, protectedHeader.kid);
    await verify(before);
    const [header, body, signature] = before.split('.');
    const forged = Buffer.from(JSON.stringify({ ...payload, sub: 'root' })).toString('base64url');
    await assert.rejects(verify([header, forged, signature].join('.')));
    assert.equal(body === forged, false);
  }
}

await root('POST', 'sys/auth/userpass', { type: 'userpass' });
await root('POST', 'sys/policies/acl/tokens', { policy: 'path "identity/oidc/token/*" { capabilities = ["read"] }' });
// The server has a port that nobody could name in its configuration.
await root('POST', 'identity/oidc/config', { issuer: address });
await identity_tokens();
await logins();
console.log('all is well');
