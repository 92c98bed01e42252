// The behaviors of docs/clients.md through node-vault, each a function of its own.
//
// usage: node main.mjs list
//        node main.mjs NAME=URL ...
//
// `list` prints the names. Otherwise each NAME runs against the server at its URL, and prints one line: `ok NAME`, or
// `FAILED NAME: why`. The environment says how to get in: SUITE_ROOT_TOKEN, and SUITE_AUTHORITY for HTTPS.

import * as access from './access.mjs';
import * as errors from './errors.mjs';
import * as kv from './kv.mjs';
import * as logins from './logins.mjs';
import * as node from './node.mjs';
import * as operation from './operation.mjs';
import { Server } from './server.mjs';
import * as tokens from './tokens.mjs';
import * as wrapping from './wrapping.mjs';

const behaviors = { ...node, ...access, ...logins, ...tokens, ...kv, ...wrapping, ...operation, ...errors };

/** Nothing when the behavior is there, else why not, on one line. */
async function failure(name, url) {
  const behavior = behaviors[name];
  if (!behavior) return 'there is no such behavior';
  try {
    await behavior(new Server(url));
    return null;
  } catch (error) {
    const place = /suite\/(\w+\.mjs:\d+)/.exec(error.stack ?? '');
    return `${error.name}: ${error.message} (${place ? place[1] : 'no place'})`.split(/\s+/).join(' ');
  }
}

const given = process.argv.slice(2);
if (given[0] === 'list') {
  console.log(Object.keys(behaviors).join('\n'));
} else {
  for (const argument of given) {
    const at = argument.indexOf('=');
    const name = argument.slice(0, at);
    const why = await failure(name, argument.slice(at + 1));
    console.log(why ? `FAILED ${name}: ${why}` : `ok ${name}`);
  }
  // A kept connection must not keep the program.
  process.exit(0);
}
