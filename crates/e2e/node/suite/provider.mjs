// An OpenID provider to log in with: oidc-provider, which is certified, dressed as Auth0: its paths, its `@clients`
// subjects, an audience that the request names. Machines get tokens with their credentials; whoever comes with a browser
// is Ann, and agrees to everything.
//
// usage: node provider.mjs
//
// Prints `provider: URL`. Two things are for tests alone: POST /test/rotate makes new keys, without the old ones, and POST
// /test/sign signs what it is given: {"header": …, "claims": …, "how": "key" | "stranger" | "hmac" | "none"}.

import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';

import { CompactSign, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const CALLBACK = 'http://localhost:8250/oidc/callback';
// Of a server to which browsers come by themselves.
const SERVER_CALLBACK = 'http://127.0.0.1/v1/auth/oidc/oidc/callback';
const clients = [
  {
    client_id: 'kong', client_secret: 'kong-secret', grant_types: ['client_credentials'], redirect_uris: [],
    response_types: [], token_endpoint_auth_method: 'client_secret_post',
  },
  {
    client_id: 'strongroom', client_secret: 'a secret: with + and %', grant_types: ['authorization_code'],
    // A native application may come back to any port.
    application_type: 'native', redirect_uris: [CALLBACK, SERVER_CALLBACK], response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  },
];

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
let made = 0;
let current;
let key;

async function start() {
  made += 1;
  key = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...await exportJWK(key.privateKey), kid: `key-${made}`, use: 'sig', alg: 'RS256' };
  current = new Provider(issuer, {
    clients,
    jwks: { keys: [jwk] },
    cookies: { keys: ['of no importance'] },
    routes: { token: '/oauth/token', jwks: '/.well-known/jwks.json', authorization: '/authorize', userinfo: '/userinfo' },
    claims: { openid: ['sub'], email: ['email'], groups: ['groups'] },
    scopes: ['openid', 'email', 'groups'],
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.test`, groups: ['engineers', 'night shift'] }),
    }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx) => ctx.oidc.body?.audience,
        getResourceServerInfo: (_, resource) => ({
          audience: resource, scope: '', accessTokenFormat: 'jwt', accessTokenTTL: 3600, jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    formats: {
      customizers: {
        jwt: (_, token, jwt) => {
          Object.assign(jwt.payload, { sub: `${token.clientId}@clients`, azp: token.clientId, gty: 'client-credentials' });
          return jwt;
        },
      },
    },
  });
}

// Logs Ann in and agrees, where the provider asks its user something.
async function interact(request, response) {
  const { prompt, params, session } = await current.interactionDetails(request, response);
  if (prompt.name === 'login') {
    await current.interactionFinished(request, response, { login: { accountId: 'ann' } });
    return;
  }
  const grant = new current.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const consent = { grantId: await grant.save() };
  await current.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function sign({ header = {}, claims, how = 'key' }) {
  const usual = { alg: 'RS256', kid: `key-${made}`, ...header };
  if (how === 'none' || how === 'hmac') {
    const text = `${encode({ ...usual, alg: how === 'none' ? 'none' : 'HS256' })}.${encode(claims)}`;
    if (how === 'none') return `${text}.`;
    return `${text}.${createHmac('sha256', await exportSPKI(key.publicKey)).update(text).digest('base64url')}`;
  }
  const { privateKey } = how === 'key' ? key : await generateKeyPair('RS256');
  return new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(usual).sign(privateKey);
}

async function body(request) {
  let text = '';
  for await (const part of request) text += part;
  return text === '' ? {} : JSON.parse(text);
}

async function handle(request, response) {
  if (request.url === '/test/rotate') {
    await start();
    response.end('{}');
  } else if (request.url === '/test/sign') {
    response.end(await sign(await body(request)));
  } else if (request.url.startsWith('/interaction/')) {
    await interact(request, response);
  } else {
    current.callback()(request, response);
  }
}

await start();
server.on('request', (request, response) => {
  handle(request, response).catch((error) => {
    console.error(error);
    response.statusCode = 500;
    response.end();
  });
});
console.log(`provider: ${issuer}`);
