// The server under test as the suite sees it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import vault from 'node-vault';

const run = randomBytes(4).toString('hex');
let number = 0;

/** A name that nothing on the server has: the same behavior may run there twice. */
export function unique(start) {
  number += 1;
  return `${start}-${run}-${number}`;
}

export class Server {
  constructor(url) {
    this.url = url;
  }

  /** A client with this token, or with none. */
  client(token, options = {}) {
    const client = vault({ endpoint: this.url, ...options });
    client.token = token;
    return client;
  }

  /** A client of a new server, which listens with TLS under an authority of its own. */
  trusting() {
    const authority = process.env.SUITE_AUTHORITY;
    return this.client(undefined, authority ? { requestOptions: { ca: readFileSync(authority) } } : {});
  }

  root(options) {
    return this.client(process.env.SUITE_ROOT_TOKEN, options);
  }

  /** A new KV mount; gives root's client and the mount's path. */
  async mount(version) {
    const client = this.root();
    const path = unique('kv');
    await client.mount({ mount_point: path, type: 'kv', options: { version: `${version}` } });
    return { client, path };
  }

  /** A client whose token has this policy alone beside `default`. */
  async withPolicy(rules) {
    const root = this.root();
    const name = unique('policy');
    await root.addPolicy({ name, rules });
    const made = await root.tokenCreate({ policies: [name], ttl: '10m' });
    return this.client(made.auth.client_token);
  }

  /** A client whose token may do what every token may, and nothing else. */
  async stranger() {
    const made = await this.root().tokenCreate({ policies: ['default'], ttl: '10m' });
    return this.client(made.auth.client_token);
  }
}

/** Wants a refusal with this status and this text in it; gives the body. */
export async function refused(status, promise, text = '') {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    assert.ok(error.response, `no reply: ${error.message}`);
    assert.equal(error.response.statusCode, status, error.message);
    assert.ok(error.message.includes(text), `${JSON.stringify(text)} is not in ${JSON.stringify(error.message)}`);
    return error.response.body;
  }
  throw new assert.AssertionError({ message: `${status} was expected, and came ${JSON.stringify(answer)}` });
}
